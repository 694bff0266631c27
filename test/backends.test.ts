import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openRunUsage } from "@oa/worker/adapters/run-usage.ts";
import type { ModelBackends } from "@oa/worker/backends/backend.ts";
import { cappedBackends, openModelBackends } from "@oa/worker/backends/backends.ts";
import { writeTinyBert, writeTinyLlama } from "./fakes/gguf.ts";
import { openFakeModelServer } from "./fakes/openai-server.ts";

const never = new AbortController().signal;
const ask = { prompt: "Say hello", max_tokens: 12, temperature: 0, model: null, signal: never } as const;
const embed = { dim: null, corpus: null, signal: never } as const;
const memoryCap = (memory_bytes: number) => openRunUsage({ memory_bytes, cpu_ms: 60_000 });
const dot = (a: Float32Array | undefined, b: Float32Array | undefined): number =>
  a === undefined || b === undefined ? Number.NaN : a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

describe("llama.cpp runs GGUF models each in a process of its own", () => {
  const folder = mkdtempSync(join(tmpdir(), "oa-gguf-"));
  const llama = join(folder, "tiny-llama.gguf");
  const bert = join(folder, "tiny-bert.gguf");
  let backends: ModelBackends;
  before(() => {
    writeTinyLlama(llama);
    writeTinyBert(bert);
    const models = { generate_model_path: llama, embed_model_path: bert };
    backends = openModelBackends({ "llama.cpp": { ...models, threads: 1 } });
  });
  after(async () => {
    await backends.close();
    rmSync(folder, { recursive: true });
  });

  it("generates no more tokens than asked for and counts them", async () => {
    const answer = await backends.generate({ ...ask, backend: "llama.cpp" });
    assert.equal(answer.model, "tiny-llama");
    assert.equal(typeof answer.text, "string");
    assert.ok((answer.tokens_in ?? 0) > 0);
    assert.ok((answer.tokens_out ?? 0) > 0 && (answer.tokens_out ?? 0) <= 12);
  });
  it("gives the same vector for the same text, of length 1 and of the model's own size", async () => {
    const texts = ["open the door", "close", "open the door"];
    const { vectors, dim, model } = await backends.embed({ ...embed, backend: "llama.cpp", texts });
    assert.deepEqual([dim, model, vectors.length], [64, "tiny-bert", 3]);
    assert.ok(Math.abs(dot(vectors[0], vectors[2]) - 1) < 1e-5);
    assert.ok(dot(vectors[0], vectors[1]) < 0.999);
  });
  it("takes a text with line separators of Unicode as one request", async () => {
    const texts = ["open\u2028the\u2029door"];
    const { vectors } = await backends.embed({ ...embed, backend: "llama.cpp", texts });
    assert.equal(vectors.length, 1);
  });
  it("cuts a text that is longer than the model's context instead of failing", async () => {
    const { vectors } = await backends.embed({ ...embed, backend: "llama.cpp", texts: ["open door ".repeat(2_000)] });
    assert.equal(vectors.length, 1);
  });
  it("refuses another length than the model's and says which it is", async () => {
    const request = backends.embed({ ...embed, backend: "llama.cpp", texts: ["open"], dim: 1536 });
    await assert.rejects(request, { code: "embedding_mismatch", message: /64 numbers.*set dim to 64/ });
  });
  it("stops generating when it is canceled", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    const request = backends.generate({ ...ask, backend: "llama.cpp", max_tokens: 30_000, signal: stop.signal });
    await assert.rejects(request, { code: "canceled" });
    assert.ok((await backends.generate({ ...ask, backend: "llama.cpp", max_tokens: 1 })).model, "it still works after");
  });
  it("serves calls that come at once one after the other", async () => {
    const calls = [1, 2, 3].map(() => backends.generate({ ...ask, backend: "llama.cpp", max_tokens: 3 }));
    const texts = (await Promise.all(calls)).map(({ text }) => text);
    assert.equal(new Set(texts).size, 1, "temperature 0 gives the same text");
  });
  it("unloads an idle model and loads it again when it is asked", async () => {
    const eager = openModelBackends({ "llama.cpp": { embed_model_path: bert, threads: 1 } }, { idle_ms: 1 });
    await eager.embed({ ...embed, backend: "llama.cpp", texts: ["open"] });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { vectors } = await eager.embed({ ...embed, backend: "llama.cpp", texts: ["open"] });
    assert.equal(vectors.length, 1);
    await eager.close();
  });
  it("says what to set when no model is configured, and which file is not there", async () => {
    const none = openModelBackends({});
    await assert.rejects(none.generate({ ...ask, backend: "llama.cpp" }), {
      code: "backend_unavailable",
      message: /set backends\["llama.cpp"\]\.generate_model_path/,
    });
    const gone = openModelBackends({ "llama.cpp": { embed_model_path: join(folder, "gone.gguf") } });
    await assert.rejects(gone.embed({ ...embed, backend: "llama.cpp", texts: ["a"] }), {
      code: "backend_unavailable",
      message: /gone\.gguf" does not exist/,
    });
  });
  it("refuses a model that is larger than a run may use, all its files together, before anything is loaded", async () => {
    const small = openModelBackends({ "llama.cpp": { generate_model_path: llama, threads: 1 } });
    const capped = cappedBackends(small, memoryCap(100_000));
    await assert.rejects(capped.generate({ ...ask, backend: "llama.cpp" }), {
      code: "memory_limit",
      message: /tiny-llama\.gguf" takes at least \d+ MiB of memory, and a run may use 1 MiB: choose a smaller one/,
    });
    const [first, second] = [1, 2].map((part) => join(folder, `parts-0000${part}-of-00002.gguf`));
    for (const path of [first, second]) writeFileSync(path ?? "", Buffer.alloc(80_000));
    const split = cappedBackends(
      openModelBackends({ "llama.cpp": { embed_model_path: first ?? "" } }),
      memoryCap(100_000),
    );
    await assert.rejects(split.embed({ ...embed, backend: "llama.cpp", texts: ["a"] }), { code: "memory_limit" });
    const roomy = cappedBackends(small, memoryCap(1e9));
    assert.equal((await roomy.generate({ ...ask, backend: "llama.cpp" })).model, "tiny-llama");
    await small.close();
  });
  it("fails with one sentence on a file that is no model", async () => {
    const path = join(folder, "noise.gguf");
    writeFileSync(path, "this is not a model".repeat(100));
    const broken = openModelBackends({ "llama.cpp": { generate_model_path: path, threads: 1 } });
    await assert.rejects(broken.generate({ ...ask, backend: "llama.cpp" }), { code: "backend_failed" });
    await broken.close();
  });
});

describe("a server that speaks OpenAI's API", () => {
  it("generates with the configured model, or with the one hinted at", async () => {
    const server = await openFakeModelServer();
    after(() => server.close());
    const backends = openModelBackends({ ollama: { base_url: server.base_url, generate_model: "fake-chat" } });
    const answer = await backends.generate({ ...ask, backend: "ollama" });
    assert.deepEqual(answer, { text: "You said: Say hello", model: "fake-chat", tokens_in: 2, tokens_out: 4 });
    assert.equal((await backends.generate({ ...ask, backend: "ollama", model: "other" })).model, "other");
    const [first] = server.requests;
    assert.deepEqual(first?.body, {
      model: "fake-chat",
      max_tokens: 12,
      temperature: 0,
      messages: [{ role: "user", content: "Say hello" }],
    });
  });
  it("embeds many texts in their order as vectors of length 1", async () => {
    const server = await openFakeModelServer({ dim: 16 });
    after(() => server.close());
    const backends = openModelBackends({ mlx: { base_url: server.base_url, embed_model: "fake-embed" } });
    const texts = Array.from({ length: 150 }, (_, at) => `text ${at}`);
    const { vectors, dim, model } = await backends.embed({ ...embed, backend: "mlx", texts, dim: 16 });
    assert.deepEqual([vectors.length, dim, model], [150, 16, "fake-embed"]);
    assert.ok(Math.abs(dot(vectors[7], vectors[7]) - 1) < 1e-5);
    const [alone] = (await backends.embed({ ...embed, backend: "mlx", texts: ["text 7"] })).vectors;
    assert.ok(Math.abs(dot(alone, vectors[7]) - 1) < 1e-5);
  });
  it("refuses a dim the model does not have", async () => {
    const server = await openFakeModelServer({ dim: 16 });
    after(() => server.close());
    const backends = openModelBackends({ mlx: { base_url: server.base_url, embed_model: "fake-embed" } });
    const request = backends.embed({ ...embed, backend: "mlx", texts: ["a"], dim: 1536 });
    await assert.rejects(request, { code: "embedding_mismatch", message: /set dim to 16/ });
  });
  it("is unavailable, with what starts it, when nobody listens", async () => {
    const port = await freePort();
    const backends = openModelBackends({ ollama: { base_url: `http://127.0.0.1:${port}/v1`, generate_model: "m" } });
    await assert.rejects(backends.generate({ ...ask, backend: "ollama" }), {
      code: "backend_unavailable",
      retryable: true,
      message: /ollama does not answer at http:\/\/127\.0\.0\.1:\d+\/v1 .*ollama serve/,
    });
  });
  it("is unavailable when it is not configured, or has no model for what is asked", async () => {
    const backends = openModelBackends({ mlx: { base_url: "http://127.0.0.1:1/v1", generate_model: "m" } });
    const none = backends.generate({ ...ask, backend: "foundation_models" });
    await assert.rejects(none, { code: "backend_unavailable", message: /backends\.foundation_models\.base_url/ });
    const other = backends.embed({ ...embed, backend: "mlx", texts: ["a"] });
    await assert.rejects(other, { code: "backend_unavailable", message: /backends\.mlx\.embed_model/ });
  });
  it("failing inside may be tried again; refusing the request may not", async () => {
    for (const [fail_status, retryable] of [
      [500, true],
      [404, false],
    ] as const) {
      const server = await openFakeModelServer({ fail_status });
      after(() => server.close());
      const backends = openModelBackends({ ollama: { base_url: server.base_url, generate_model: "m" } });
      const request = backends.generate({ ...ask, backend: "ollama" });
      await assert.rejects(request, { code: "backend_failed", retryable, message: new RegExp(`HTTP ${fail_status}`) });
      assert.equal(server.requests.length, 1, "the step's own retry decides, not the client");
    }
  });
  it("is let go of when the call is canceled", async () => {
    const server = await openFakeModelServer({ hang: true });
    after(() => server.close());
    const backends = openModelBackends({ ollama: { base_url: server.base_url, generate_model: "m" } });
    const stop = new AbortController();
    const request = backends.generate({ ...ask, backend: "ollama", signal: stop.signal });
    setTimeout(() => stop.abort(), 20);
    await assert.rejects(request, { code: "canceled" });
  });
});

it("availability of each backend comes with its reason", async () => {
  const server = await openFakeModelServer();
  after(() => server.close());
  const backends = openModelBackends({ ollama: { base_url: server.base_url, generate_model: "fake-chat" } });
  const table = new Map((await backends.available(never)).map((status) => [status.backend, status]));
  assert.equal(table.get("ollama")?.available, true);
  assert.equal(table.get("lexical-v1")?.available, true);
  assert.match(table.get("lexical-v1")?.reason ?? "", /no meaning/);
  assert.equal(table.get("mlx")?.available, false);
  assert.match(table.get("llama.cpp")?.reason ?? "", /generate_model_path/);
});

describe("lexical-v1", () => {
  const backends = openModelBackends({});
  const vectorsOf = async (texts: readonly string[], corpus: Uint8Array | null = null, dim: number | null = null) =>
    (await backends.embed({ ...embed, backend: "lexical-v1", texts, corpus, dim })).vectors;

  it("is nearer to a text that shares words or parts of identifiers than to one that does not", async () => {
    const [query, near, far] = await vectorsOf(["parse http request", "parseHTTPRequest(text)", "draw a red circle"]);
    assert.ok(dot(query, near) > 0.5);
    assert.ok(dot(query, near) > dot(query, far) + 0.3);
  });
  it("weighs a rare word more than one that is everywhere, given the corpus", async () => {
    const texts = Array.from({ length: 50 }, (_, at) => `function number${at} returns`);
    const corpus = backends.learn("lexical-v1", [...texts, "function lease"], null);
    const [query, rare, common] = await vectorsOf(["function lease", "lease", "function"], corpus);
    assert.ok(dot(query, rare) > dot(query, common));
  });
  it("makes vectors of the length asked for, up to its limit, the same every time", async () => {
    const [first] = await vectorsOf(["stable"], null, 2048);
    const [second] = await vectorsOf(["stable"], null, 2048);
    assert.equal(first?.length, 2048);
    assert.deepEqual(first, second);
    await assert.rejects(vectorsOf(["x"], null, 4096), { code: "embedding_mismatch" });
  });
  it("gives a text without words a vector of nothing", async () => {
    const [empty] = await vectorsOf(["  \n"]);
    assert.ok(empty?.every((value) => value === 0));
  });
  it("writes no text", async () => {
    const request = backends.generate({ ...ask, backend: "lexical-v1" as "ollama" });
    await assert.rejects(request, { code: "backend_unavailable" });
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
