/** A worker's records of one install's schedule, and what is said of them. Nothing in it starts by itself. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { WhyAnswer } from "@oa/shared/api/why.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { MachineReadings, UpgradeSchedule } from "@oa/shared/generated/types.ts";
import { machineProjection } from "@oa/shared/machine/views.ts";
import type { ScheduleCommand } from "@oa/shared/schedule/decider.ts";
import { toCronSchedule } from "@oa/shared/schedule/timing.ts";
import { scheduleProjection } from "@oa/shared/schedule/views.ts";
import { triggerProjection } from "@oa/shared/trigger/views.ts";
import { schedulePort } from "@oa/worker/admin/schedule.ts";
import { scheduleTask } from "@oa/worker/loops/schedule.ts";
import { contextOf, manifestOf, openRunWorld, whySide } from "./runs.ts";
import { at, OPEN } from "./schedule.ts";

export const NIGHTLY: UpgradeSchedule = { type: "cron", expression: "0 2 * * *", timezone: "UTC" };

/** A worker whose clock a test moves, with one install on a schedule. */
export function openWhyWorld(context: TestContext, changes: Partial<UpgradeSchedule> = {}, base = NIGHTLY) {
  let now_ms = at("2026-01-01T12:00");
  const machine: { readings: MachineReadings } = { readings: {} };
  const worker = { decides: false };
  const world = openRunWorld({
    ops: {},
    clock: { now_ms: () => now_ms, sleep: async () => {}, alarm: () => () => {} },
    projections: [scheduleProjection, machineProjection, triggerProjection],
  });
  context.after(() => world.close());
  const schedule = { ...base, ...changes };
  const manifest = { ...manifestOf([{ op: "fs.read", path: "~/x" }], { filesystem: ["~/x"] }), schedule };
  const install_id = world.install({
    ...manifest,
    permissions: { filesystem: [{ path: "~/x", access: "read" }], tools: ["fs.read"] },
  });
  const send = (command: ScheduleCommand): void => {
    const done = world.store.handle(contextOf(now_ms, install_id), [scheduleTask(install_id, command)]);
    assert.ok(!isRejection(done), isRejection(done) ? done.message : "");
  };
  const cron = toCronSchedule(schedule, "UTC");
  if (cron !== null) send({ type: "set", now_ms, install_id, worker_id: "w", schedule: cron });
  const port = schedulePort({
    sql: world.database,
    worker: "w",
    now_ms: () => now_ms,
    measure: async () => machine.readings,
    ...whySide(world),
    deciding: () => worker.decides,
  });
  return {
    ...{ world, install_id, machine, worker, send, port },
    check: (time: string, more: Partial<Extract<ScheduleCommand, { type: "check" }>> = {}): void => {
      now_ms = at(time);
      send({ type: "check", now_ms, active_runs: 0, gates: OPEN, machine: {}, clock_jump_ms: 0, away_ms: 0, ...more });
    },
    pass: (time: string): void => {
      now_ms = at(time);
    },
    why: async (time: string | null = null): Promise<WhyAnswer> => {
      const why = await port.why(install_id, time === null ? null : at(time), new AbortController().signal);
      assert.ok(!isRejection(why), isRejection(why) ? why.message : "");
      return why;
    },
  };
}
