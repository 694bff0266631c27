import { nextFire, parseCron } from "../core/cron.ts";
import { jitterOf } from "../core/jitter.ts";
import { LIMITS } from "../core/limits.ts";
import { assert, isRejection, type Rejection } from "../core/refusal.ts";
import { checkTimeZone } from "../core/time-zone.ts";
import { isOpen, nextClosing, nextOpening, parseWindow, type Window } from "../core/window.ts";
import type { CronSchedule, ScheduleDue, UpgradeSchedule } from "../generated/types.ts";

/** When one install is due on one worker: its schedule, read once. */
export interface Timing {
  readonly window: Window | null;
  /** The first due time after `after_ms` that is not one of `except`, or null for never. */
  readonly dueAfter: (after_ms: number, except: readonly number[]) => ScheduleDue | null;
  /** When something that is due at `due_ms` and waits for the window starts: at its opening, with jitter. */
  readonly startOfWindow: (window: Window, due_ms: number, from_ms: number) => ScheduleDue;
  /** When a start that was held back at `from_ms` is given up: at the window's end, or after a day. */
  readonly patienceUntil: (from_ms: number) => number;
}

/** A manifest's schedule with its defaults filled in; null where it names no times (manual and event upgrades). */
export function toCronSchedule(schedule: UpgradeSchedule, worker_time_zone: string): CronSchedule | null {
  const { type, expression, timezone, window, constraints, jitter_ms = 0, on_missed = "catch_up" } = schedule;
  const { overlap = "skip", on_unknown = "wait", catch_up_max_age_h = LIMITS.schedule_catch_up_h } = schedule;
  if (type !== "cron" || expression === undefined) return null;
  return {
    expression,
    timezone: timezone ?? worker_time_zone,
    ...(window === undefined ? {} : { window }),
    ...(constraints === undefined ? {} : { constraints }),
    jitter_ms,
    on_missed,
    catch_up_max_age_h,
    on_unknown,
    overlap,
  };
}

/** Null where the schedule can be kept. Refusals: `cron_invalid`, `time_zone_unknown`, `window_invalid`. */
export function checkSchedule(schedule: CronSchedule): Rejection | null {
  const cron = parseCron(schedule.expression);
  if (isRejection(cron)) return cron;
  const window = schedule.window === undefined ? null : parseWindow(schedule.window);
  return isRejection(window) ? window : checkTimeZone(schedule.timezone);
}

/** Whether a checked schedule has its window open, or none. */
export function mayStart({ window, timezone }: CronSchedule, at_ms: number): boolean {
  const parsed = window === undefined ? null : parseWindow(window);
  return parsed === null || isRejection(parsed) || isOpen(parsed, timezone, at_ms);
}

/** The timing of a checked schedule. Jitter never carries a start out of the window its due time is in. */
export function timingOf(schedule: CronSchedule, install_id: string, worker_id: string): Timing {
  const cron = parseCron(schedule.expression);
  const window = schedule.window === undefined ? null : parseWindow(schedule.window);
  assert(!isRejection(cron) && !isRejection(window), "the schedule was checked when it was set");
  const time_zone = schedule.timezone;
  /** None where the window is closed: what is due then is decided at once. */
  const jitterWithin = (from_ms: number, open: Window | null): number => {
    if (schedule.jitter_ms === 0) return 0;
    const room_ms = open === null ? schedule.jitter_ms : nextClosing(open, time_zone, from_ms) - from_ms - 1;
    return room_ms < 0 ? 0 : jitterOf(install_id, worker_id, Math.min(schedule.jitter_ms, room_ms));
  };
  return {
    window,
    dueAfter: (after_ms, except) => {
      for (let due_ms = nextFire({ cron, time_zone }, after_ms); due_ms !== null; ) {
        if (!except.includes(due_ms)) {
          const jitter_ms = jitterWithin(due_ms, window);
          return { due_ms, fire_at_ms: due_ms + jitter_ms, jitter_ms };
        }
        due_ms = nextFire({ cron, time_zone }, due_ms);
      }
      return null;
    },
    startOfWindow: (open, due_ms, from_ms) => {
      const opens_ms = nextOpening(open, time_zone, from_ms);
      const jitter_ms = jitterWithin(opens_ms, open);
      return { due_ms, fire_at_ms: opens_ms + jitter_ms, jitter_ms };
    },
    patienceUntil: (from_ms) => {
      const latest_ms = from_ms + LIMITS.schedule_wait_ms;
      return window === null ? latest_ms : Math.min(latest_ms, nextClosing(window, time_zone, from_ms));
    },
  };
}
