/** What a run takes within the worker, measured on this very process. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { openRunGuard } from "@oa/worker/adapters/run-usage.ts";
import type { Op } from "@oa/worker/ops/op.ts";
import { manifestOf, openRunWorld } from "../fakes/runs.ts";

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
