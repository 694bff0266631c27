import assert from "node:assert/strict";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CronSchedule, MachineReadings, ScheduleEvent } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { type ScheduleCommand, scheduleDecider } from "@oa/shared/schedule/decider.ts";
import type { ScheduleState } from "@oa/shared/schedule/state.ts";
import type { StartGates } from "@oa/shared/schedule/waits.ts";

export const INSTALL = "install_01JABCDEFGHJKMNPQRSTVWXYZ0";
export const at = (text: string): number => Date.parse(`${text}Z`);
export const NIGHTLY: CronSchedule = { expression: "0 2 * * *", timezone: "UTC", jitter_ms: 0, on_missed: "catch_up" };
/** Nothing to pay, and no quota that would be used. */
export const OPEN: StartGates = { licence: "not_applicable", budget: "not_applicable" };
export const WINDOW = { window: { start: "01:00", end: "05:00" } };

/** A schedule that is driven by hand: what it decides is checked against the schema, and remembered. */
export function drive(schedule: Partial<CronSchedule>, now: string) {
  const events: ScheduleEvent[] = [];
  let state: ScheduleState = scheduleDecider.initial;
  const send = (command: ScheduleCommand): readonly ScheduleEvent[] => {
    const decided = scheduleDecider.decide(state, command);
    assert.ok(!isRejection(decided), isRejection(decided) ? decided.message : "");
    for (const event of decided) {
      assert.ok(validators.isScheduleEvent(event), JSON.stringify(validators.isScheduleEvent.errors));
      state = scheduleDecider.evolve(state, event);
      events.push(event);
    }
    return decided;
  };
  const set = (changes: Partial<CronSchedule>, now_ms: number) =>
    send({ type: "set", now_ms, install_id: INSTALL, worker_id: "w", schedule: { ...NIGHTLY, ...changes } });
  const check = (
    now_ms: number,
    active_runs = 0,
    clock_jump_ms = 0,
    machine: MachineReadings = {},
    gates: StartGates = OPEN,
  ): string => {
    const [event] = send({ type: "check", now_ms, active_runs, gates, clock_jump_ms, machine, away_ms: 0 });
    if (event === undefined) return "nothing";
    if (event.event_type === "schedule.fired") {
      send({ type: "record_start", due_ms: event.data.due_ms, run_id: `run_${events.length}` });
    }
    return "trace" in event.data ? event.data.trace.outcome : event.event_type;
  };
  const next = (): string | null =>
    state.next === null ? null : new Date(state.next.fire_at_ms).toISOString().slice(0, 16);
  const fired = (): string[] =>
    events.flatMap((event) =>
      event.event_type === "schedule.fired" ? [new Date(event.data.due_ms).toISOString().slice(0, 16)] : [],
    );
  set(schedule, at(now));
  return {
    send,
    set,
    check: (text: string, runs = 0, jump = 0) => check(at(text), runs, jump),
    checkWith: (text: string, machine: MachineReadings, runs = 0) => check(at(text), runs, 0, machine),
    checkGates: (text: string, gates: Partial<StartGates>, runs = 0) =>
      check(at(text), runs, 0, {}, { ...OPEN, ...gates }),
    checkMs: check,
    next,
    fired,
    events,
    state: () => state,
  };
}
