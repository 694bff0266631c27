/** What a run takes within the worker, measured on this very process. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { openGrantedFiles } from "@oa/worker/adapters/granted-files.ts";
import { openRunGuard, type UsageCaps } from "@oa/worker/adapters/run-usage.ts";
import { cappedBackends, openModelBackends } from "@oa/worker/backends/backends.ts";
import { modelEmbed } from "@oa/worker/ops/model-embed.ts";
import type { Op, OpContext } from "@oa/worker/ops/op.ts";
import { searchkitIndex } from "@oa/worker/ops/searchkit-index.ts";
import { cappedIndexes, openSearchIndexes } from "@oa/worker/searchkit/indexes.ts";
import { manifestOf, type Ops, openRunWorld } from "../fakes/runs.ts";
import { serveWorld, TOKEN } from "../fakes/workspace.ts";

const MIB = 1_048_576;
const answer = { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };
const manifest = (id: string) =>
  manifestOf([{ op: "http.request", id, url: "https://api.example/" }], {
    network: ["api.example"],
    tools: ["http.request"],
  });

it("a step that takes more memory of the worker than its run may is stopped with a reason, and the next run runs", async () => {
  const taken: Buffer[] = [];
  const hungry: Op<never, object> = async (_, { step_id, signal }) => {
    if (step_id === "modest") return answer;
    while (!signal.aborted && taken.length < 60) {
      taken.push(Buffer.alloc(16 * MIB, 1)); // written to, so that it is really there
      await sleep(50);
    }
    signal.throwIfAborted();
    return answer;
  };
  const guard = openRunGuard({ capsOf: () => ({ memory_bytes: 200 * MIB, cpu_ms: 60_000 }) });
  const world = openRunWorld({ ops: { "http.request": hungry }, guard });
  const stop = new AbortController();
  const looping = world.engine.loop(stop.signal);
  const ended = async (id: string) => {
    const run = await world.engine.start(world.install(manifest(id)), "manual");
    assert.ok(!isRejection(run), JSON.stringify(run));
    return world.engine.wait(run.run_id, AbortSignal.timeout(20_000));
  };
  const run = await ended("hungry");
  assert.deepEqual([run.status, run.code], ["failed", "memory_limit"]);
  assert.match(run.message ?? "", /used \d+ MiB of memory; a run may use 200 MiB/);
  assert.ok(taken.length < 60, "it was stopped before it had all it wanted");
  taken.length = 0;
  assert.equal((await ended("modest")).status, "succeeded");
  stop.abort();
  await looping;
  world.close();
});

const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-caps-")));
const source = join(folder, "src");
after(() => rmSync(folder, { recursive: true }));

const INDEXING = { op: "searchkit.index", id: "index", path: source, index: "capped" };

/** A worker with real indexing and embedding over 300 files, whose runs may use what `caps` says, until the test ends. */
async function indexingWorld(test: TestContext, caps: UsageCaps) {
  mkdirSync(source, { recursive: true });
  for (let file = 0; file < 300; file += 1) {
    const lines = Array.from({ length: 200 }, (_, n) => `export const compute_${file}_${n} = (x: number) => x * ${n};`);
    writeFileSync(join(source, `m${file}.ts`), lines.join("\n"));
  }
  const guard = openRunGuard({ capsOf: () => caps });
  const [backends, indexes] = [openModelBackends({}), openSearchIndexes(mkdtempSync(join(folder, "data-")))];
  const files = openGrantedFiles([`filesystem:read:${source}/**`], { home: folder });
  const real =
    <Params>(op: (params: Params, context: OpContext) => Promise<object>) =>
    (params: Params, context: OpContext): Promise<object> => {
      const usage = guard.usageOf({ run_id: context.run_id, install_id: context.install_id ?? null });
      const own = { files, backends: cappedBackends(backends, usage), indexes: cappedIndexes(indexes, usage) };
      return op(params, { ...context, ...own });
    };
  const ops = { "searchkit.index": real(searchkitIndex), "model.embed": real(modelEmbed) } as unknown as Ops;
  const world = openRunWorld({ ops, guard });
  const server = await serveWorld(world);
  const stop = new AbortController();
  const looping = world.engine.loop(stop.signal);
  test.after(async () => {
    stop.abort();
    await looping;
    await server.close();
    world.close();
  });
  return {
    run: async (step: UpgradeManifest["pipeline"][0]) => {
      const filesystem = step.op === "model.embed" ? [] : [{ path: `${source}/**`, access: "read" as const }];
      const manifest = manifestOf([step], { filesystem, tools: [step.op] });
      const run = await world.engine.start(world.install(manifest), "manual");
      assert.ok(!isRejection(run), JSON.stringify(run));
      const answer = await fetch(`${server.url}/v1/runs`, { headers: { authorization: `Bearer ${TOKEN}` } });
      assert.equal(answer.status, 200, "the API answers meanwhile");
      return world.engine.wait(run.run_id, AbortSignal.timeout(60_000));
    },
  };
}

it("a run whose indexing takes more processor time than it may is stopped with the figures, and the worker goes on", async (test) => {
  const world = await indexingWorld(test, { memory_bytes: 4_096 * MIB, cpu_ms: 50 });
  for (const _ of ["once", "again"]) {
    const run = await world.run(INDEXING);
    assert.deepEqual([run.status, run.code], ["failed", "cpu_limit"]);
    assert.match(run.message ?? "", /indexing.* used \d+\.\d s of processor time; a run may use 0\.1 s/);
  }
});

it("a run whose indexing threads take more memory than it may is stopped with the figures", async (test) => {
  const world = await indexingWorld(test, { memory_bytes: 6 * MIB, cpu_ms: 600_000 });
  const run = await world.run(INDEXING);
  assert.deepEqual([run.status, run.code], ["failed", "memory_limit"]);
  assert.match(run.message ?? "", /used \d+ MiB of memory; a run may use 6 MiB/);
});

it("embedding without a model, which is done within the worker, is counted to its run as well", async (test) => {
  const world = await indexingWorld(test, { memory_bytes: 4_096 * MIB, cpu_ms: 5 });
  const texts = Array.from({ length: 16 }, (_, at) => `word${at} leaseToken parseHttpRequest `.repeat(800));
  const run = await world.run({ op: "model.embed", id: "embed", backend: "lexical-v1", texts });
  assert.deepEqual([run.status, run.code], ["failed", "cpu_limit"]);
  assert.match(run.message ?? "", /lexical-v1 used \d+\.\d s of processor time/);
});
