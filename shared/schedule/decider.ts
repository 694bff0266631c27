import type { Decider } from "../core/decider.ts";
import { canonicalize } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever, type Rejection } from "../core/refusal.ts";
import type {
  ConstraintTrace,
  CronSchedule,
  MachineReadings,
  ScheduleDeferred,
  ScheduleDue,
  ScheduleEvent,
  ScheduleTrace,
} from "../generated/types.ts";
import { decideCheck } from "./check.ts";
import { checkSchedule, timingOf } from "./timing.ts";
import { WAITS_FOR, type WaitReason } from "./waits.ts";

/** One install's schedule, folded from its events. Times are Unix milliseconds. */
export interface ScheduleState {
  readonly set: { readonly install_id: string; readonly worker_id: string; readonly schedule: CronSchedule } | null;
  readonly next: ScheduleDue | null;
  /** `next` has been due and waits. */
  readonly waiting: Waiting | null;
  /** When `next` was found. */
  readonly at_ms: number;
  /** Due times that have fired, the latest `LIMITS.schedule_fires_kept`: none of them fires again. */
  readonly fired: readonly number[];
  /** The due time whose run has not been started yet. */
  readonly unstarted: number | null;
}

/** A due time that has come and waits: for its window, the machine's state, a licence, a quota, or a run that goes on. */
export interface Waiting extends StartGates {
  readonly for: WaitReason;
  /** As it was due; the state's `next.fire_at_ms` is when the wait ends. */
  readonly due: ScheduleDue;
  readonly since_ms: number;
  /** The due times that it answers for. */
  readonly first_due_ms: number;
  readonly due_times: number;
  /** As measured when the wait began; so are `licence` and `budget`. */
  readonly constraints: readonly ConstraintTrace[];
}

/** What a start depends on besides the machine, found outside: a price that is paid, quotas with room. */
export type StartGates = Pick<ScheduleTrace, "licence" | "budget">;

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

export type ScheduleCommand =
  | {
      readonly type: "set";
      readonly now_ms: number;
      readonly install_id: string;
      readonly worker_id: string;
      readonly schedule: CronSchedule;
    }
  | { readonly type: "clear"; readonly reason: string }
  | ScheduleCheck
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
  initial: { set: null, next: null, waiting: null, at_ms: 0, fired: [], unstarted: null },
  evolve,
  decide,
  stored_as: "schedule/2",
};

function evolve(state: ScheduleState, event: ScheduleEvent): ScheduleState {
  switch (event.event_type) {
    case "schedule.set": {
      const { install_id, worker_id, schedule, at_ms, next } = event.data;
      return { ...state, set: { install_id, worker_id, schedule }, next, waiting: null, at_ms };
    }
    case "schedule.cleared":
      return { ...state, set: null, next: null, waiting: null, unstarted: null };
    case "schedule.deferred":
      return { ...state, next: event.data.next, at_ms: event.data.at_ms, waiting: waitingOf(event.data) };
    case "schedule.skipped":
      return { ...state, next: event.data.next, at_ms: event.data.at_ms, waiting: null };
    case "schedule.fired": {
      const { due_ms, at_ms, next } = event.data;
      const fired = [...state.fired, due_ms].slice(-LIMITS.schedule_fires_kept);
      return { ...state, next, at_ms, waiting: null, fired, unstarted: due_ms };
    }
    case "schedule.realigned": {
      const { next, at_ms } = event.data;
      // What is not due any more does not wait either: it will be due again.
      const still = state.waiting?.due.due_ms === next?.due_ms && (next?.due_ms ?? 0) <= at_ms;
      return { ...state, next, at_ms, waiting: still ? state.waiting : null };
    }
    case "schedule.run_started":
    case "schedule.run_refused":
      return { ...state, unstarted: null };
    default:
      return assertNever(event);
  }
}

function waitingOf({ at_ms, trace }: ScheduleDeferred["data"]): Waiting {
  const { due_ms, fire_at_ms, jitter_ms, first_due_ms, due_times, constraints, outcome, waited_ms = 0 } = trace;
  const { licence, budget } = trace;
  const due = { due_ms, fire_at_ms, jitter_ms };
  const reason = WAITS_FOR[outcome] ?? "window";
  return { for: reason, due, since_ms: at_ms - waited_ms, first_due_ms, due_times, constraints, licence, budget };
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
