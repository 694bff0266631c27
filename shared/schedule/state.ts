import { LIMITS } from "../core/limits.ts";
import { assertNever } from "../core/refusal.ts";
import type {
  ConstraintTrace,
  CronSchedule,
  ScheduleDeferred,
  ScheduleDue,
  ScheduleEvent,
} from "../generated/types.ts";
import { type StartGates, WAITS_FOR, type WaitReason } from "./waits.ts";

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

export const NO_SCHEDULE: ScheduleState = {
  set: null,
  next: null,
  waiting: null,
  at_ms: 0,
  fired: [],
  unstarted: null,
};

export function evolveSchedule(state: ScheduleState, event: ScheduleEvent): ScheduleState {
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
