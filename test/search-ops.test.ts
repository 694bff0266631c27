import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "@oa/shared/core/refusal.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { openModelBackends } from "@oa/worker/backends/backends.ts";
import { modelEmbed } from "@oa/worker/ops/model-embed.ts";
import { modelGenerate } from "@oa/worker/ops/model-generate.ts";
import type { OpContext } from "@oa/worker/ops/op.ts";
import { searchkitIndex } from "@oa/worker/ops/searchkit-index.ts";
import { searchkitQuery } from "@oa/worker/ops/searchkit-query.ts";
import { openSearchIndexes } from "@oa/worker/searchkit/indexes.ts";
import { openFakeModelServer } from "./fakes/openai-server.ts";
import { put, removeFolders, temporary } from "./fakes/source-folder.ts";

after(removeFolders);

const root = temporary();
const indexes = openSearchIndexes(temporary());

/** What an op sees of a run with this grant; what these ops do not use is absent. */
function context(grant: readonly string[], more: Partial<OpContext> = {}): OpContext {
  const files = openGrantedFiles(grant, { home: tmpdir() });
  const backends = openModelBackends({});
  const signal = new AbortController().signal;
  const silent = { log: () => {}, progress: () => {}, checkpoint: async () => {} };
  return { files, backends, indexes, signal, ...silent, ...more } as OpContext;
}
const granted = [`filesystem:read:${root}/**`];

before(() => {
  put(root, {
    "src/lease.ts": "export function renewLease(id: string): void {\n  touch(id);\n  save(id);\n}\n",
    "src/many.txt": "needle\n\n".repeat(30_000),
    "docs/words.md": "# Words\n\nA lease is a claim with an end.\n",
  });
});

describe("a nightly index: index, embed, query", () => {
  it("gives results that its schema knows, each step using the one before", async () => {
    const run = context(granted);
    const indexed = await searchkitIndex({ path: root, index: "code", exclude: ["docs/**"] }, run);
    assert.ok(validators.isSearchkitIndexResult(indexed));
    assert.deepEqual([indexed.files, indexed.added, indexed.commit], [2, 2, null]);
    const embedded = await modelEmbed({ backend: "lexical-v1", index: "code", dim: 256 }, run);
    assert.ok(validators.isModelEmbedResult(embedded));
    assert.deepEqual([embedded.embedded, embedded.dim, embedded.model], [embedded.total, 256, "lexical-v1"]);
    const answer = await searchkitQuery({ index: "code", query: "renewLease", limit: 3 }, run);
    assert.ok(validators.isSearchkitQueryResult(answer));
    assert.equal(answer.exact_matches_total, 1);
    assert.deepEqual(answer.hits[0]?.reasons, ["exact", "symbol", "bm25", "vector"]);
    assert.match(answer.text, /^## src\/lease\.ts:1-4 renewLease/);
    assert.deepEqual([answer.index.stale_files, answer.index.vectors], [0, "lexical-v1 lexical-v1, 256 dimensions"]);
  });
  it("keeps a step's result small however much matches, and still counts it all", async () => {
    const answer = await searchkitQuery({ index: "code", query: "needle" }, context(granted));
    assert.equal(answer.exact_matches_total, 30_000);
    assert.ok(JSON.stringify(answer).length < 500_000);
  });
});

describe("a paused run", () => {
  it("indexes and embeds no further than its next checkpoint, goes on from there, and stops there at once", async () => {
    let open = (): void => {};
    let held = 0;
    let way: Promise<void> = new Promise((resolve) => {
      open = resolve;
    });
    const run = context(granted, {
      checkpoint: () => {
        held += 1;
        return way;
      },
    });
    let done = false;
    const indexing = searchkitIndex({ path: root, index: "paused", exclude: ["docs/**"] }, run).finally(() => {
      done = true;
    });
    await delay(300);
    assert.deepEqual([done, held], [false, 1], "the first file waits to be read");
    open();
    assert.equal((await indexing).added, 2);
    way = Promise.reject(new Fault("canceled", "enough"));
    way.catch(() => undefined);
    await assert.rejects(modelEmbed({ backend: "lexical-v1", index: "paused", dim: 64 }, run), { code: "canceled" });
    await assert.rejects(modelEmbed({ backend: "lexical-v1", texts: ["a"], dim: 64 }, run), { code: "canceled" });
  });
});

describe("what a run may not read, it may not search", () => {
  it("an index of a folder outside the grant is refused", async () => {
    const foreign = context(["filesystem:read:/srv/other/**"]);
    await assert.rejects(searchkitQuery({ index: "code", query: "needle" }, foreign), { code: "path_not_granted" });
    await assert.rejects(searchkitIndex({ path: root, index: "mine" }, foreign), { code: "path_not_granted" });
  });
  it("and so is one of a folder of which only a part is granted", async () => {
    const part = context([`filesystem:read:${root}/docs/**`]);
    await assert.rejects(searchkitQuery({ index: "code", query: "needle" }, part), { code: "path_not_granted" });
  });
  it("an index that does not exist, and a folder that does not, are each named", async () => {
    const run = context(granted);
    await assert.rejects(searchkitQuery({ index: "none", query: "a" }, run), { code: "search_index_missing" });
    await assert.rejects(modelEmbed({ backend: "lexical-v1", index: "none" }, run), { code: "search_index_missing" });
    await assert.rejects(searchkitIndex({ path: `${root}/none`, index: "none" }, run), { code: "not_found" });
  });
});

describe("model ops", () => {
  it("embed given texts and return vectors of the length asked for", async () => {
    const result = await modelEmbed({ backend: "lexical-v1", texts: ["a door", "a gate"], dim: 32 }, context([]));
    assert.ok(validators.isModelEmbedResult(result));
    assert.deepEqual([result.vectors?.length, result.vectors?.[0]?.length, result.dim], [2, 32, 32]);
  });
  it("say what is missing when the backend is not there", async () => {
    const request = modelEmbed({ backend: "mlx", index: "code", dim: 1536 }, context(granted));
    await assert.rejects(request, { code: "backend_unavailable", message: /backends\.mlx\.base_url/ });
  });
  it("embed an index with a server's model, and refuse its dim when it is another", async () => {
    const server = await openFakeModelServer({ dim: 24 });
    after(() => server.close());
    const backends = openModelBackends({ mlx: { base_url: server.base_url, embed_model: "fake-embed" } });
    const run = context(granted, { backends });
    const result = await modelEmbed({ backend: "mlx", index: "code" }, run);
    assert.deepEqual([result.embedded, result.dim, result.model], [result.total, 24, "fake-embed"]);
    await assert.rejects(modelEmbed({ backend: "mlx", index: "code", dim: 1536 }, run), { code: "embedding_mismatch" });
  });
  it("generate text from a prompt", async () => {
    const server = await openFakeModelServer({ reply: () => "A digest." });
    after(() => server.close());
    const backends = openModelBackends({ ollama: { base_url: server.base_url, generate_model: "fake-chat" } });
    const params = { backend: "ollama", prompt: "Summarise", max_tokens: 50 } as const;
    const result = await modelGenerate(params, context([], { backends }));
    assert.ok(validators.isModelGenerateResult(result));
    assert.equal(result.text, "A digest.");
  });
});
