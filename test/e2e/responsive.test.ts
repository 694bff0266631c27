/** Large inputs, real ops: the API answers while they are worked on, and a cancellation lands. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { getRun, type RunView } from "@oa/shared/run/views.ts";
import { openEgress } from "@oa/worker/adapters/egress.ts";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { openModelBackends } from "@oa/worker/backends/backends.ts";
import { fsRead } from "@oa/worker/ops/fs-read.ts";
import { httpRequest } from "@oa/worker/ops/http-request.ts";
import { modelEmbed } from "@oa/worker/ops/model-embed.ts";
import type { OpContext } from "@oa/worker/ops/op.ts";
import { searchkitIndex } from "@oa/worker/ops/searchkit-index.ts";
import { openSearchIndexes } from "@oa/worker/searchkit/indexes.ts";
import { manifestOf, type Ops, openRunWorld, type RunWorld } from "../fakes/runs.ts";
import { serveWorld, TOKEN } from "../fakes/workspace.ts";

/** An answer of the API that takes longer than this has been held up. */
const ANSWER_MS = 2_000;
const ENDED_MS = 5_000;
const FILES = 1_200;

const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-responsive-")));
const source = join(folder, "src");
const line = (n: number): string => `export function compute_${n}(input: number): number { return input * ${n}; }\n`;

describe("while a step works on a large input", () => {
  let world: RunWorld;
  let server: Awaited<ReturnType<typeof serveWorld>>;
  let stop: AbortController;
  let looping: Promise<void>;
  const large = createServer((_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`[${"[1,2,3],".repeat(4_000_000)}0]`);
  });

  before(async () => {
    mkdirSync(source);
    // Many files of every size up to the largest that is indexed: 40 MB in all.
    for (let file = 0; file < FILES; file += 1) {
      writeFileSync(
        join(source, `m${file}.ts`),
        Array.from({ length: 200 }, (_, n) => line(file * 1_000 + n)).join(""),
      );
    }
    for (let file = 0; file < 4; file += 1) {
      const lines = Math.floor((LIMITS.search_file_bytes - 1_000) / line(file).length);
      writeFileSync(join(source, `large${file}.ts`), line(file).repeat(lines));
    }
    writeFileSync(join(source, "huge.txt"), "x".repeat(60_000_000));
    await new Promise<void>((resolve) => large.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(large.address() as AddressInfo).port}`;
    const effects = {
      files: openGrantedFiles([`filesystem:read:${source}/**`], { home: folder }),
      egress: openEgress([`network:egress:${host}`], { private_allow: [host] }),
      backends: openModelBackends({}),
      indexes: openSearchIndexes(folder),
    };
    const real =
      <Params>(op: (params: Params, context: OpContext) => Promise<object>) =>
      (params: Params, context: OpContext): Promise<object> =>
        op(params, { ...context, ...effects });
    const ops = {
      "searchkit.index": real(searchkitIndex),
      "model.embed": real(modelEmbed),
      "fs.read": real(fsRead),
      "http.request": real((params: { readonly method?: "GET" }, context) =>
        httpRequest({ ...params, url: `http://${host}/`, max_bytes: 67_108_864 }, context),
      ),
    } as unknown as Ops; // each is called with parameters that its own schema has checked
    world = openRunWorld({ path: join(folder, "worker.db"), ops });
    server = await serveWorld(world);
    stop = new AbortController();
    looping = world.engine.loop(stop.signal);
  });
  after(async () => {
    stop.abort();
    await looping;
    await server.close();
    large.closeAllConnections();
    large.close();
    world.close();
    rmSync(folder, { recursive: true });
  });

  const start = async (steps: UpgradeManifest["pipeline"]): Promise<string> => {
    const manifest = manifestOf(steps, {
      filesystem: [{ path: `${source}/**`, access: "read" }],
      network: ["api.example"],
      tools: [...new Set(steps.map(({ op }) => op))],
    });
    const run = await world.engine.start(world.install(manifest), "manual");
    assert.ok(!isRejection(run), JSON.stringify(run));
    return run.run_id;
  };
  const view = (run_id: string): RunView => {
    const run = getRun(world.database, run_id);
    assert.ok(run !== null);
    return run;
  };
  /** Asks the API one request after the other until the run has ended, or `until` says so. */
  const answersUntil = async (run_id: string, until: () => boolean = () => false): Promise<number> => {
    for (let answers = 0; ; answers += 1) {
      if (view(run_id).finished_at !== null || until()) return answers;
      const response = await fetch(`${server.url}/v1/runs?limit=5`, {
        headers: { authorization: `Bearer ${TOKEN}` },
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      assert.equal(response.status, 200);
      await response.arrayBuffer();
    }
  };
  const indexing = { op: "searchkit.index", id: "index", path: source, index: "large" };

  it("indexing 40 MB is canceled in the middle, and the API answers until then", async () => {
    const run_id = await start([indexing]);
    const far = (): boolean => (world.engine.progress(run_id)?.done ?? 0) > FILES / 10;
    assert.ok((await answersUntil(run_id, far)) > 0);
    assert.equal(view(run_id).finished_at, null, "it goes on");
    await world.engine.cancel(run_id, "enough");
    assert.equal((await world.engine.wait(run_id, AbortSignal.timeout(ENDED_MS))).status, "canceled");
  });
  it("indexing and embedding them to the end, the API answers all the time", { timeout: 240_000 }, async () => {
    const embedding = { op: "model.embed", id: "embed", index: "large", backend: "lexical-v1" };
    const run_id = await start([indexing, embedding]);
    assert.ok((await answersUntil(run_id)) > 10);
    assert.deepEqual([view(run_id).status, view(run_id).message], ["succeeded", null]);
  });
  it("embedding is canceled in the middle", { timeout: 60_000 }, async () => {
    writeFileSync(join(source, "more.ts"), line(7).repeat(40_000));
    const embedding = { op: "model.embed", id: "embed", index: "large", backend: "lexical-v1" };
    const run_id = await start([indexing, embedding]);
    await answersUntil(run_id, () => world.engine.progress(run_id)?.step_id === "embed");
    await world.engine.cancel(run_id, "enough");
    const { status } = await world.engine.wait(run_id, AbortSignal.timeout(ENDED_MS));
    assert.ok(status === "canceled" || status === "succeeded", status);
  });
  it("a file and an answer that are larger than a step may give are refused without being worked through", async () => {
    for (const [step, code] of [
      [{ op: "fs.read", id: "read", path: join(source, "huge.txt"), max_bytes: 67_108_864 }, "too_large"],
      [{ op: "http.request", id: "get", url: "https://api.example/", max_bytes: 67_108_864 }, "egress_too_large"],
    ] as const) {
      const run_id = await start([step]);
      await answersUntil(run_id);
      assert.deepEqual([view(run_id).status, view(run_id).code], ["failed", code]);
    }
  });
});
