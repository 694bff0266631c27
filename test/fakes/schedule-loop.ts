import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { openEventStore } from "@oa/shared/core/event-store.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { CronSchedule, MachineReadings } from "@oa/shared/generated/types.ts";
import { machineProjection } from "@oa/shared/machine/views.ts";
import type { Sensor } from "@oa/shared/schedule/constraints.ts";
import { scheduleProjection } from "@oa/shared/schedule/views.ts";
import type { StartGates } from "@oa/shared/schedule/waits.ts";
import type { MonotonicClock } from "@oa/worker/adapters/clock.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { openScheduleLoop, scheduleTask } from "@oa/worker/loops/schedule.ts";
import { OPEN } from "./schedule.ts";

const HOURLY: CronSchedule = { expression: "0 * * * *", timezone: "UTC", jitter_ms: 0, on_missed: "catch_up" };
export const START = Date.parse("2026-01-01T00:30Z");
export const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

/** A clock whose two times move as a test says. */
function fakeClock() {
  let now = START;
  let monotonic = 0;
  const sleeps: number[] = [];
  const clock: { -readonly [Key in keyof MonotonicClock]: MonotonicClock[Key] } = {
    now_ms: () => now,
    monotonic_ms: () => monotonic,
    alarm: () => () => {},
    sleep: async (ms, signal) => {
      sleeps.push(ms);
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) return;
      now += ms;
      monotonic += ms;
    },
  };
  const pass = (until: number): void => {
    monotonic += until - now;
    now = until;
  };
  return { clock, sleeps, pass, jump: (until: number) => (now = until) };
}

/** A worker's schedule side over a database file; `reopen` is what a crash and a restart leave. */
export function openScheduleWorld(
  context: TestContext,
  answer: (install_id: string, due_ms: number) => { run_id: string } | Rejection,
) {
  const folder = mkdtempSync(join(tmpdir(), "oa-schedule-"));
  const time = fakeClock();
  const started: string[] = [];
  const reported: unknown[] = [];
  const active = new Map<string, number>();
  const gates = new Map<string, Partial<StartGates>>();
  const canceled: string[] = [];
  const measured: (readonly Sensor[])[] = [];
  const machine: { -readonly [Name in Sensor]?: MachineReadings[Name] } = {};
  /** What the database answers with while it is set. */
  const disk = { full: false };
  const made = new Map<string, { readonly run_id: string }>();
  let awake_ms: number | null = null;
  const awake = {
    last_ms: () => awake_ms,
    touch: (now_ms: number) => {
      awake_ms = now_ms;
    },
  };
  const boot = () => {
    const database = openSqlite(join(folder, "worker.db"));
    const store = openEventStore(database, [scheduleProjection, machineProjection], (count) => randomBytes(count));
    const loop = openScheduleLoop({
      store,
      sql: database,
      commit: (body) =>
        disk.full
          ? Promise.reject(new Fault("disk_full", "the disk is full", { retryable: true }))
          : database.commit(body),
      clock: time.clock,
      workspace_id: "ws",
      awake,
      activeRuns: (install_id) => active.get(install_id) ?? 0,
      gatesOf: (install_id) => ({ ...OPEN, ...gates.get(install_id) }),
      start: async (install_id, reason, { due_ms, against }) => {
        if (against !== undefined) return made.get(`${install_id} ${due_ms}`) ?? against;
        started.push(`${install_id} ${reason} ${new Date(due_ms).toISOString().slice(11, 16)}`);
        const answered = answer(install_id, due_ms);
        if (!isRejection(answered)) made.set(`${install_id} ${due_ms}`, answered);
        return answered;
      },
      cancelRuns: async (install_id) => {
        canceled.push(install_id);
      },
      measure: async (sensors) => {
        measured.push(sensors);
        return Object.fromEntries(Object.entries(machine).filter(([name]) => sensors.includes(name as Sensor)));
      },
      report: (error) => reported.push(error),
    });
    return { database, store, loop };
  };
  let side = boot();
  context.after(() => {
    side.database.close();
    rmSync(folder, { recursive: true });
  });
  const set = (install_id: string, schedule: Partial<CronSchedule> = {}) => {
    const now_ms = time.clock.now_ms();
    const command = { type: "set", now_ms, install_id, worker_id: "w", schedule: { ...HOURLY, ...schedule } } as const;
    const recorded = side.store.handle(
      {
        now_ms,
        workspace_id: "ws",
        stream_type: "workspace",
        stream_id: "ws",
        actor_type: "user",
        actor_id: "owner",
        correlation_id: install_id,
      },
      [scheduleTask(install_id, command)],
    );
    assert.ok(!isRejection(recorded));
  };
  return {
    ...time,
    started,
    reported,
    active,
    gates,
    canceled,
    measured,
    machine,
    disk,
    awake,
    set,
    side: () => side,
    tick: () => side.loop.tick(),
    types: () => [...side.store.after(0)].map(({ event }) => event.event_type),
    reopen: () => {
      side.database.close();
      side = boot();
    },
  };
}

export const runs = (install_id: string, due_ms: number) => ({ run_id: `run_${install_id}_${due_ms}` });
