import type { Decider } from "../core/decider.ts";
import { canonicalize } from "../core/json.ts";
import { assertNever, type Rejection } from "../core/refusal.ts";
import type { CronSchedule, ScheduleEvent } from "../generated/types.ts";
import { decideCheck, type ScheduleCheck } from "./check.ts";
import { evolveSchedule, NO_SCHEDULE, type ScheduleState } from "./state.ts";
import { checkSchedule, timingOf } from "./timing.ts";

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
  initial: NO_SCHEDULE,
  evolve: evolveSchedule,
  decide,
  stored_as: "schedule/2",
};

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
