/** The schedule loop and the engine together, on one clock that the test moves. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { HOUR_MS } from "@oa/shared/core/durations.ts";
import type { Recorded } from "@oa/shared/core/envelope.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { ScheduleOverlap } from "@oa/shared/generated/types.ts";
import { machineProjection } from "@oa/shared/machine/views.ts";
import { countOpenRuns, listRuns, openRunsOf } from "@oa/shared/run/views.ts";
import { scheduleProjection } from "@oa/shared/schedule/views.ts";
import { withSchedules } from "@oa/worker/loops/install-schedule.ts";
import { openScheduleLoop, scheduleTask } from "@oa/worker/loops/schedule.ts";
import type { Op } from "@oa/worker/ops/op.ts";
import { contextOf, fakeClock, manifestOf, openRunWorld, settled, WORKSPACE } from "../fakes/runs.ts";

const START = Date.parse("2026-01-01T00:30Z");

/** An hourly install whose runs go on until the test lets them end, or they are canceled. */
function open(context: TestContext, overlap: ScheduleOverlap) {
  const clock = fakeClock(START);
  const endings: (() => void)[] = [];
  const read: Op<never, object> = (_, { signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      endings.push(() => resolve({ content: "", bytes: 0, sha256: "e".repeat(64) }));
    });
  const world = openRunWorld({ ops: { "fs.read": read }, clock, projections: [scheduleProjection, machineProjection] });
  const { database: sql, engine } = world;
  const { store } = world;
  const stop = new AbortController();
  const monotonic = { ...clock, monotonic_ms: clock.now_ms };
  const loop = openScheduleLoop({
    ...{ store, sql, clock: monotonic, workspace_id: WORKSPACE },
    commit: world.database.commit,
    activeRuns: (id) => countOpenRuns(sql, id),
    cancelRuns: async (id, reason) => {
      for (const run_id of openRunsOf(sql, id)) await engine.cancel(run_id, reason);
    },
    measure: async () => ({}),
    start: engine.start,
    gatesOf: engine.gates,
    report: (error) => world.reports.push(error),
  });
  const running = [engine.loop(stop.signal), loop.run(stop.signal)];
  context.after(async () => {
    stop.abort();
    await Promise.all(running);
    assert.deepEqual(world.reports, []);
    assert.ok(world.store.verify().ok);
    world.close();
  });
  const manifest = manifestOf([{ op: "fs.read", path: "/data/x", timeout_ms: 86_400_000 }], {
    filesystem: ["/data/x"],
    tools: ["fs.read"],
  });
  const install_id = world.install(manifest);
  const set = { type: "set", now_ms: START, install_id, worker_id: "w" } as const;
  const schedule = { expression: "0 * * * *", timezone: "UTC", jitter_ms: 0, on_missed: "catch_up", overlap } as const;
  assert.ok(!isRejection(store.handle(contextOf(START, install_id), [scheduleTask(install_id, { ...set, schedule })])));
  return {
    hours: async (count: number) => {
      for (let step = 0; step < count * 60; step += 1) await clock.pass(HOUR_MS / 60);
    },
    endRun: async () => {
      endings.shift()?.();
      await settled();
    },
    statuses: () => [...listRuns(sql, { limit: 10 })].reverse().map(({ status, reason }) => `${reason} ${status}`),
  };
}

test("skip: while a run goes on its due times are skipped", async (context) => {
  const worker = open(context, "skip");
  await worker.hours(3);
  assert.deepEqual(worker.statuses(), ["schedule running"]);
  await worker.endRun();
  await worker.hours(1);
  assert.deepEqual(worker.statuses(), ["schedule succeeded", "schedule running"]);
});

test("queue_one: one run follows the running one, however many were due", async (context) => {
  const worker = open(context, "queue_one");
  await worker.hours(3.1);
  assert.deepEqual(worker.statuses(), ["schedule running"]);
  await worker.endRun();
  await worker.hours(0.1);
  assert.deepEqual(worker.statuses(), ["schedule succeeded", "schedule running"]);
});

test("cancel_running: the running one is canceled and the next one starts", async (context) => {
  const worker = open(context, "cancel_running");
  await worker.hours(2.1);
  assert.deepEqual(worker.statuses(), ["schedule canceled", "schedule running"]);
});

test("the end of a run wakes the loop", async () => {
  const ended = { event_type: "run.completed", subject_id: "run_1" } as Recorded;
  const inner = { handle: () => [ended] } as unknown as EventStore;
  const sql = { transaction: (body: () => unknown) => body() } as Sql;
  let woken = 0;
  const store = withSchedules(inner, { sql, worker: "w", time_zone: "UTC", changed: () => (woken += 1) });
  store.handle(contextOf(START), []);
  await settled();
  assert.equal(woken, 1);
});
