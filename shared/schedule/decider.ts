import type { Decider } from "../core/decider.ts";
import { canonicalize } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever, type Rejection } from "../core/refusal.ts";
import { isOpen } from "../core/window.ts";
import type { CronSchedule, ScheduleDue, ScheduleEvent, ScheduleTrace } from "../generated/types.ts";
import { checkSchedule, type Timing, timingOf } from "./timing.ts";

/** One install's schedule, folded from its events. Times are Unix milliseconds. */
export interface ScheduleState {
  readonly set: { readonly install_id: string; readonly worker_id: string; readonly schedule: CronSchedule } | null;
  readonly next: ScheduleDue | null;
  /** `next` has been due and waits for its window. */
  readonly waiting: boolean;
  /** When `next` was found. */
  readonly at_ms: number;
  /** Due times that have fired, the latest `LIMITS.schedule_fires_kept`: none of them fires again. */
  readonly fired: readonly number[];
  /** The due time whose run has not been started yet. */
  readonly unstarted: number | null;
}

export type ScheduleCommand =
  | {
      readonly type: "set";
      readonly now_ms: number;
      readonly install_id: string;
      readonly worker_id: string;
      readonly schedule: CronSchedule;
    }
  | { readonly type: "clear"; readonly reason: string }
  /** Decides about what is due. `active_runs` are the install's runs that have not finished. */
  | {
      readonly type: "check";
      readonly now_ms: number;
      readonly active_runs: number;
      /** How far wall time ran ahead of monotonic time since the check before; 0 for not at all. */
      readonly clock_jump_ms: number;
    }
  | { readonly type: "record_start"; readonly due_ms: number; readonly run_id: string }
  | { readonly type: "record_refusal"; readonly due_ms: number; readonly code: string; readonly message: string };

/** The subject of an install's schedule: an install's own events fold apart from it. */
export function scheduleSubject(install_id: string): string {
  return `schedule_${install_id.replace(/^install_/, "")}`;
}

/**
 * The rules of a schedule: each due time is decided once, with the trace of why. However many were missed, at most one
 * run is caught up. Refusals: `cron_invalid`, `time_zone_unknown`, `window_invalid`.
 */
export const scheduleDecider: Decider<ScheduleState, ScheduleEvent, ScheduleCommand> = {
  initial: { set: null, next: null, waiting: false, at_ms: 0, fired: [], unstarted: null },
  evolve,
  decide,
};

function evolve(state: ScheduleState, event: ScheduleEvent): ScheduleState {
  switch (event.event_type) {
    case "schedule.set": {
      const { install_id, worker_id, schedule, at_ms, next } = event.data;
      return { ...state, set: { install_id, worker_id, schedule }, next, waiting: false, at_ms };
    }
    case "schedule.cleared":
      return { ...state, set: null, next: null, waiting: false, unstarted: null };
    case "schedule.deferred":
      return { ...state, next: event.data.next, at_ms: event.data.at_ms, waiting: true };
    case "schedule.skipped":
      return { ...state, next: event.data.next, at_ms: event.data.at_ms, waiting: false };
    case "schedule.fired": {
      const { due_ms, at_ms, next } = event.data;
      const fired = [...state.fired, due_ms].slice(-LIMITS.schedule_fires_kept);
      return { ...state, next, at_ms, waiting: false, fired, unstarted: due_ms };
    }
    case "schedule.realigned":
      return { ...state, next: event.data.next, at_ms: event.data.at_ms };
    case "schedule.run_started":
    case "schedule.run_refused":
      return { ...state, unstarted: null };
    default:
      return assertNever(event);
  }
}

function decide(state: ScheduleState, command: ScheduleCommand): readonly ScheduleEvent[] | Rejection {
  switch (command.type) {
    case "set":
      return decideSet(state, command);
    case "clear":
      if (state.set === null) return [];
      return [{ event_type: "schedule.cleared", data: { install_id: state.set.install_id, reason: command.reason } }];
    case "check":
      return decideCheck(state, command);
    case "record_start":
    case "record_refusal": {
      // A repeat after a crash, or a schedule cleared meanwhile, has nothing left to record.
      if (state.set === null || state.unstarted !== command.due_ms) return [];
      const { install_id } = state.set;
      const { type, ...outcome } = command;
      if ("run_id" in outcome) return [{ event_type: "schedule.run_started", data: { install_id, ...outcome } }];
      return [{ event_type: "schedule.run_refused", data: { install_id, ...outcome } }];
    }
    default:
      return assertNever(command);
  }
}

function decideSet(
  state: ScheduleState,
  command: Extract<ScheduleCommand, { type: "set" }>,
): readonly ScheduleEvent[] | Rejection {
  const { type: _, now_ms: at_ms, ...set } = command;
  const refusal = checkSchedule(set.schedule);
  if (refusal !== null) return refusal;
  if (state.set !== null && canonicalize(state.set) === canonicalize(set)) return [];
  const next = timingOf(set.schedule, set.install_id, set.worker_id).dueAfter(at_ms, state.fired);
  return [{ event_type: "schedule.set", data: { ...set, at_ms, next } }];
}

type Check = Extract<ScheduleCommand, { type: "check" }>;

function decideCheck(state: ScheduleState, check: Check): readonly ScheduleEvent[] {
  if (state.set === null) return [];
  const { install_id, worker_id, schedule } = state.set;
  const timing = timingOf(schedule, install_id, worker_id);
  const { now_ms: at_ms } = check;
  if (state.at_ms > at_ms + LIMITS.schedule_clock_back_ms) {
    const data = { install_id, at_ms, next: realigned(state, timing, at_ms) };
    return [{ event_type: "schedule.realigned", data }];
  }
  if (state.next === null || state.next.fire_at_ms > at_ms) return [];

  const passed = passedDues(state.next, state.fired, timing, at_ms);
  const late_ms = at_ms - passed.latest.fire_at_ms;
  const active_runs = Math.max(check.active_runs, state.unstarted === null ? 0 : 1);
  const open = timing.window === null || isOpen(timing.window, schedule.timezone, at_ms);
  const outcome = outcomeOf({
    on_missed: schedule.on_missed,
    on_time: late_ms <= LIMITS.schedule_late_ms,
    too_old: at_ms - passed.latest.due_ms > LIMITS.schedule_catch_up_ms,
    waited: state.waiting,
    open,
    active_runs,
  });
  const trace: ScheduleTrace = {
    ...passed.latest,
    late_ms,
    due_times: passed.count,
    ...(passed.counted_from_ms === null ? {} : { counted_from_ms: passed.counted_from_ms }),
    window: schedule.window === undefined ? null : { ...schedule.window, open },
    constraints: Object.entries(schedule.constraints ?? {}).map(([name, wanted]) => ({
      name,
      wanted,
      verdict: "not_measured",
    })),
    on_missed: schedule.on_missed,
    active_runs,
    ...(check.clock_jump_ms === 0 ? {} : { clock_jump_ms: check.clock_jump_ms }),
    outcome,
  };
  return [eventOf(trace, { install_id, at_ms, timing, next: passed.next })];
}

/** The event that says a decision. */
function eventOf(
  trace: ScheduleTrace,
  context: {
    readonly install_id: string;
    readonly at_ms: number;
    readonly timing: Timing;
    readonly next: ScheduleDue | null;
  },
): ScheduleEvent {
  const { install_id, at_ms, timing, next } = context;
  const { due_ms, outcome } = trace;
  switch (outcome) {
    case "waits_for_window": {
      const fire_at_ms = timing.window === null ? at_ms : timing.startOfWindow(timing.window, at_ms);
      return { event_type: "schedule.deferred", data: { install_id, at_ms, trace, next: { due_ms, fire_at_ms } } };
    }
    case "on_time":
    case "window_opened":
    case "caught_up": {
      const reason = outcome === "caught_up" ? "catch_up" : "schedule";
      return { event_type: "schedule.fired", data: { install_id, at_ms, due_ms, reason, trace, next } };
    }
    case "outside_window":
    case "missed":
    case "too_old":
    case "run_active":
      return { event_type: "schedule.skipped", data: { install_id, at_ms, trace, next } };
    default:
      return assertNever(outcome);
  }
}

function outcomeOf(facts: {
  readonly on_missed: CronSchedule["on_missed"];
  readonly on_time: boolean;
  readonly too_old: boolean;
  readonly waited: boolean;
  readonly open: boolean;
  readonly active_runs: number;
}): ScheduleTrace["outcome"] {
  const { on_missed, on_time, too_old, waited, open, active_runs } = facts;
  if (!on_time && on_missed === "skip") return "missed";
  if (too_old) return "too_old";
  if (!open) return on_missed === "catch_up" ? "waits_for_window" : "outside_window";
  if (active_runs > 0) return "run_active";
  if (!on_time) return "caught_up";
  return waited ? "window_opened" : "on_time";
}

/** All due times that have come since the last decision: the latest stands for them, `next` is the one to come. */
function passedDues(first: ScheduleDue, fired: readonly number[], timing: Timing, now_ms: number) {
  let latest = first;
  let count = 1;
  // After a long sleep only those young enough to be caught up are gone through one by one.
  const oldest_ms = now_ms - LIMITS.schedule_catch_up_ms;
  const counted_from_ms = first.due_ms < oldest_ms ? oldest_ms : null;
  let next = timing.dueAfter(Math.max(first.due_ms, oldest_ms), fired);
  while (next !== null && next.fire_at_ms <= now_ms) {
    latest = next;
    count += 1;
    next = timing.dueAfter(next.due_ms, fired);
  }
  return { latest, count, next, counted_from_ms };
}

/** The next due time after the clock went back: what fired before does not fire again, what waits goes on waiting. */
function realigned(state: ScheduleState, timing: Timing, now_ms: number): ScheduleDue | null {
  if (state.waiting && state.next !== null && state.next.due_ms <= now_ms && timing.window !== null) {
    return { due_ms: state.next.due_ms, fire_at_ms: timing.startOfWindow(timing.window, now_ms) };
  }
  return timing.dueAfter(now_ms, state.fired);
}
