import { HOUR_MS } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever } from "../core/refusal.ts";
import { isOpen } from "../core/window.ts";
import type { CronSchedule, MachineReadings, ScheduleDue, ScheduleEvent, ScheduleTrace } from "../generated/types.ts";
import { evaluateConstraints } from "./constraints.ts";
import type { ScheduleState, Waiting } from "./state.ts";
import { type Timing, timingOf } from "./timing.ts";
import { isAllowed, type StartGates, WAITS_FOR, type WaitReason } from "./waits.ts";

/** Decides about what is due. */
export interface ScheduleCheck {
  readonly type: "check";
  readonly now_ms: number;
  /** The install's runs that have not finished. */
  readonly active_runs: number;
  readonly gates: StartGates;
  /** What the sensors say; one that was not asked is absent. */
  readonly machine: MachineReadings;
  /** How far wall time ran ahead of monotonic time since the check before; 0 for not at all. */
  readonly clock_jump_ms: number;
  /** How much longer than it meant to sleep the loop was away; 0 for not at all. */
  readonly away_ms: number;
}

/**
 * Decides about what is due, in this order: missed, too old, window, constraints, licence, budget, overlap. What waits,
 * for its window aside, is looked at again at each check, and given up when its patience ends; nothing is recorded in between.
 */
export function decideCheck(state: ScheduleState, check: ScheduleCheck): readonly ScheduleEvent[] {
  if (state.set === null) return [];
  const { install_id, worker_id, schedule } = state.set;
  const timing = timingOf(schedule, install_id, worker_id);
  const { now_ms: at_ms } = check;
  if (state.at_ms > at_ms + LIMITS.schedule_clock_back_ms) {
    const data = { install_id, at_ms, next: realigned(state, timing, at_ms) };
    return [{ event_type: "schedule.realigned", data }];
  }
  const held = state.waiting === null || state.waiting.for === "window" ? null : state.waiting;
  if (state.next === null || (held === null && state.next.fire_at_ms > at_ms)) return [];
  const given_up = held !== null && state.next.fire_at_ms <= at_ms;
  const passed = given_up
    ? { latest: held.due, count: 1, next: timing.dueAfter(held.due.due_ms, state.fired), counted_from_ms: null }
    : passedDues(held?.due ?? state.next, state.fired, timing, { now_ms: at_ms, age_h: catchUpAge(schedule) });
  const trace = traceOf({ state, check, timing, held, given_up, passed });
  if (held !== null && trace.outcome === `waits_for_${held.for}`) return [];
  return [eventOf(trace, { install_id, at_ms, timing, next: passed.next })];
}

interface Passed {
  readonly latest: ScheduleDue;
  readonly count: number;
  readonly next: ScheduleDue | null;
  readonly counted_from_ms: number | null;
}

/** How long after it was to start something is still caught up, in hours. */
function catchUpAge({ catch_up_max_age_h = LIMITS.schedule_catch_up_h }: CronSchedule): number {
  return catch_up_max_age_h;
}

/** Everything the decision is made from, and the decision. */
function traceOf(facts: {
  readonly state: ScheduleState;
  readonly check: ScheduleCheck;
  readonly timing: Timing;
  readonly held: Waiting | null;
  readonly given_up: boolean;
  readonly passed: Passed;
}): ScheduleTrace {
  const { state, check, timing, held, given_up, passed } = facts;
  const { latest, counted_from_ms } = passed;
  const schedule = state.set?.schedule as CronSchedule; // `decideCheck` has seen that it is set
  const { overlap = "skip", on_unknown = "wait", on_missed, window } = schedule;
  const at_ms = check.now_ms;
  const open = timing.window === null || isOpen(timing.window, schedule.timezone, at_ms);
  const active_runs = Math.max(check.active_runs, state.unstarted === null ? 0 : 1);
  const { verdict, constraints } = evaluateConstraints(schedule.constraints, check.machine, on_unknown);
  const until_ms = state.next?.fire_at_ms ?? at_ms;
  const late_ms = Math.max(0, at_ms - latest.fire_at_ms);
  const outcome = outcomeOf({
    ...{ on_missed, overlap, verdict, active_runs, open, given_up, waiting: state.waiting, gates: check.gates },
    on_time: late_ms <= LIMITS.schedule_late_ms,
    too_old: late_ms > catchUpAge(schedule) * HOUR_MS,
  });
  const waits = outcome !== "waits_for_window" && outcome in WAITS_FOR;
  // Where the machine slept past the end of the wait, what is so now is not why nothing was started.
  const slept_through = given_up && at_ms - until_ms > LIMITS.schedule_late_ms;
  const measured = slept_through && held !== null ? held : { constraints, ...check.gates };
  return {
    due_ms: latest.due_ms,
    first_due_ms: state.waiting?.first_due_ms ?? state.next?.due_ms ?? latest.due_ms,
    fire_at_ms: latest.fire_at_ms,
    late_ms,
    jitter_ms: latest.jitter_ms ?? 0,
    due_times: passed.count + (state.waiting?.due_times ?? 1) - 1,
    ...(counted_from_ms === null ? {} : { counted_from_ms }),
    window: window === undefined ? null : { ...window, open },
    constraints: measured.constraints,
    ...{ on_unknown, on_missed, catch_up_max_age_h: catchUpAge(schedule), overlap, active_runs },
    ...(check.clock_jump_ms === 0 ? {} : { clock_jump_ms: check.clock_jump_ms }),
    ...(check.away_ms === 0 ? {} : { away_ms: check.away_ms }),
    licence: measured.licence,
    budget: measured.budget,
    ...(held === null ? {} : { waited_ms: Math.max(0, at_ms - held.since_ms) }),
    ...(waits ? { wait_until_ms: held === null ? timing.patienceUntil(at_ms) : until_ms } : {}),
    outcome,
  };
}

function outcomeOf(facts: {
  readonly on_missed: CronSchedule["on_missed"];
  readonly overlap: NonNullable<CronSchedule["overlap"]>;
  readonly waiting: Waiting | null;
  readonly given_up: boolean;
  readonly on_time: boolean;
  readonly too_old: boolean;
  readonly open: boolean;
  readonly verdict: "start" | "wait";
  readonly gates: StartGates;
  readonly active_runs: number;
}): ScheduleTrace["outcome"] {
  const { on_missed, waiting, gates } = facts;
  if (facts.given_up) return GIVEN_UP[waiting?.for ?? "constraints"];
  const held = waiting !== null && waiting.for !== "window";
  if (!held && !facts.on_time && on_missed === "skip") return "missed";
  if (!held && facts.too_old) return "too_old";
  if (!facts.open) return on_missed === "catch_up" ? "waits_for_window" : "outside_window";
  if (facts.verdict === "wait") return "waits_for_constraints";
  if (!isAllowed(gates.licence)) return "waits_for_licence";
  if (!isAllowed(gates.budget)) return "waits_for_budget";
  if (facts.active_runs > 0) return facts.overlap === "skip" ? "run_active" : "waits_for_run";
  if (held) return WAITED_FOR[waiting.for];
  if (!facts.on_time) return "caught_up";
  return waiting === null ? "on_time" : "window_opened";
}

/** What a wait that ended well, or was given up, comes to. */
const WAITED_FOR = {
  ...{ window: "window_opened", constraints: "constraints_met", licence: "licence_given" },
  ...{ budget: "budget_freed", run: "run_ended" },
} as const satisfies Record<WaitReason, ScheduleTrace["outcome"]>;
const GIVEN_UP = {
  ...{ window: "outside_window", constraints: "constraints_unmet", licence: "unlicensed" },
  ...{ budget: "over_budget", run: "run_active" },
} as const satisfies Record<WaitReason, ScheduleTrace["outcome"]>;

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
  const { due_ms, jitter_ms, outcome } = trace;
  switch (outcome) {
    case "waits_for_window": {
      const start = timing.window === null ? null : timing.startOfWindow(timing.window, due_ms, at_ms);
      return { event_type: "schedule.deferred", data: { install_id, at_ms, trace, next: start } };
    }
    case "waits_for_constraints":
    case "waits_for_licence":
    case "waits_for_budget":
    case "waits_for_run": {
      const until = { due_ms, fire_at_ms: trace.wait_until_ms ?? at_ms, jitter_ms };
      return { event_type: "schedule.deferred", data: { install_id, at_ms, trace, next: until } };
    }
    case "on_time":
    case "window_opened":
    case "constraints_met":
    case "run_ended":
    case "licence_given":
    case "budget_freed":
    case "caught_up": {
      const reason = outcome === "caught_up" ? "catch_up" : "schedule";
      return { event_type: "schedule.fired", data: { install_id, at_ms, due_ms, reason, trace, next } };
    }
    case "outside_window":
    case "missed":
    case "too_old":
    case "constraints_unmet":
    case "run_active":
    case "unlicensed":
    case "over_budget":
      return { event_type: "schedule.skipped", data: { install_id, at_ms, trace, next } };
    default:
      return assertNever(outcome);
  }
}

/** All due times that have come since the last decision: the latest stands for them, `next` is the one to come. */
function passedDues(
  first: ScheduleDue,
  fired: readonly number[],
  timing: Timing,
  { now_ms, age_h }: { readonly now_ms: number; readonly age_h: number },
): Passed {
  let latest = first;
  let count = 1;
  // After a long sleep only those young enough to be caught up, and at least a week's, are gone through one by one.
  const oldest_ms = now_ms - Math.max(age_h, LIMITS.schedule_catch_up_h) * HOUR_MS;
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
  const { waiting } = state;
  if (waiting === null || waiting.due.due_ms > now_ms) return timing.dueAfter(now_ms, state.fired);
  if (waiting.for !== "window") return { ...waiting.due, fire_at_ms: timing.patienceUntil(now_ms) };
  return timing.window === null ? waiting.due : timing.startOfWindow(timing.window, waiting.due.due_ms, now_ms);
}
