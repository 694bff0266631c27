import { type Cron, hasWall, nextFire, nextWall, parseCron, shownBefore } from "../core/cron.ts";
import { DAY_MS, MINUTE_MS } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import { localText, wallText } from "../core/local-time.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { checkTimeZone, nextTransition, segmentAt, toWall } from "../core/time-zone.ts";
import { isOpen, nextOpening, parseWindow, showsOpen, type Window } from "../core/window.ts";
import type { CronSchedule, ScheduleWindow } from "../generated/types.ts";

/** A schedule to look ahead in. `from_ms` is exclusive. */
export interface PreviewRequest {
  readonly expression: string;
  readonly time_zone: string;
  readonly from_ms: number;
  readonly count: number;
  readonly window?: { readonly start: string; readonly end: string };
  /** What becomes of a due time outside the window: with `catch_up` it starts at the opening; otherwise it is left out. */
  readonly on_missed?: CronSchedule["on_missed"];
}

/** A change of clocks that the schedule meets, and what its policy makes of it. */
export interface ClockChange {
  readonly at: string;
  readonly kind: "gap" | "overlap";
  /** The wall times that do not exist, or come twice, as `YYYY-MM-DDTHH:MM`; the end is exclusive. */
  readonly local_from: string;
  readonly local_until: string;
  readonly outcome:
    | "fires_after_gap"
    | "waits_for_window"
    | "outside_window"
    | "does_not_fire"
    | "fires_first_time"
    | "fires_both_times";
}

export interface Preview {
  /** Instants in UTC. */
  readonly fires: readonly string[];
  /** The same, as the zone's clocks show them, with the offset. */
  readonly local: readonly string[];
  readonly clock_changes: readonly ClockChange[];
}

const YEAR_MS = 366 * DAY_MS;
const LAST_MS = Date.UTC(9999, 11, 31);

/** What is looked ahead in, read once. */
interface Ahead {
  readonly cron: Cron;
  readonly time_zone: string;
  readonly window: Window | null;
  readonly waits: boolean;
}

/**
 * The next starts of a schedule, without jitter, and the changes of clocks up to the end of the last one's day. Fewer
 * come back where no more are found. Refusals: `cron_invalid`, `time_zone_unknown`, `window_invalid`.
 */
export function previewSchedule(request: PreviewRequest): Preview | Rejection {
  const { time_zone, from_ms, count } = request;
  const cron = parseCron(request.expression);
  if (isRejection(cron)) return cron;
  const unknown = checkTimeZone(time_zone);
  if (unknown !== null) return unknown;
  const window = request.window === undefined ? null : parseWindow(request.window);
  if (isRejection(window)) return window;
  if (!(from_ms >= 0 && from_ms < LAST_MS)) {
    return reject("usage", "a preview starts between the years 1970 and 9999");
  }
  const ahead = { cron, time_zone, window, waits: request.on_missed === "catch_up" };
  const fires = startsAfter(ahead, from_ms, count);
  const last_ms = fires.at(-1);
  return {
    fires: fires.map((at_ms) => new Date(at_ms).toISOString()),
    local: fires.map((at_ms) => localText(time_zone, at_ms)),
    clock_changes: last_ms === undefined ? [] : clockChanges(ahead, from_ms, last_ms),
  };
}

function startsAfter({ cron, time_zone, window, waits }: Ahead, from_ms: number, count: number): readonly number[] {
  const fires: number[] = [];
  let after_ms = from_ms;
  while (fires.length < count) {
    const due_ms = nextFire({ cron, time_zone }, after_ms);
    if (due_ms === null || due_ms > LAST_MS) break;
    const opens_ms = window === null ? due_ms : nextOpening(window, time_zone, due_ms);
    if (opens_ms === due_ms || waits) {
      // All that is due until the opening, and at it, makes one start.
      fires.push(opens_ms);
      after_ms = opens_ms;
      continue;
    }
    if (due_ms - (fires.at(-1) ?? from_ms) > LIMITS.schedule_preview_years * YEAR_MS) break;
    after_ms = opens_ms - 1;
  }
  return fires;
}

function clockChanges(ahead: Ahead, from_ms: number, last_ms: number): readonly ClockChange[] {
  const { time_zone } = ahead;
  const changes: ClockChange[] = [];
  // A day may be a day of change before or after what is due on it.
  const last_day = dayOf(toWall(time_zone, last_ms));
  for (let change = nextTransition(time_zone, from_ms, last_ms + 2 * DAY_MS); change !== null; ) {
    const { at_ms, after_ms } = change;
    const shown = shownBefore(time_zone, segmentAt(time_zone, at_ms));
    const wall = at_ms + after_ms;
    const [kind, low, high] = wall > shown ? (["gap", shown, wall] as const) : (["overlap", wall, shown] as const);
    if (at_ms > last_ms && dayOf(low) > last_day) break;
    const outcome = outcomeOf(ahead, { kind, low, high, at_ms });
    if (outcome !== null) {
      changes.push({
        at: new Date(at_ms).toISOString(),
        kind,
        local_from: wallText(low),
        local_until: wallText(high),
        outcome,
      });
    }
    change = nextTransition(time_zone, at_ms, last_ms + 2 * DAY_MS);
  }
  return changes;
}

/** What becomes of the wall times in [low, high) that do not exist, or come twice; null where none of them is one. */
function outcomeOf(
  { cron, window, time_zone, waits }: Ahead,
  change: { readonly kind: ClockChange["kind"]; readonly low: number; readonly high: number; readonly at_ms: number },
): ClockChange["outcome"] | null {
  const { kind, low, high, at_ms } = change;
  if (kind === "gap" && !cron.interval) {
    if (!hasWall(cron, low, high)) return null;
    if (window === null || isOpen(window, time_zone, at_ms)) return "fires_after_gap";
    return waits ? "waits_for_window" : "outside_window";
  }
  if (!names(cron, window, low, high)) return null;
  if (kind === "gap") return "does_not_fire";
  return cron.interval ? "fires_both_times" : "fires_first_time";
}

/** Whether a schedule names a wall time in [from, until) at which its window is open. */
function names(cron: Cron, window: Window | null, from: number, until: number): boolean {
  let wall = nextWall(cron, from);
  while (wall !== null && wall < until && window !== null && !showsOpen(window, wall)) {
    wall = nextWall(cron, wall + MINUTE_MS);
  }
  return wall !== null && wall < until;
}

function dayOf(wall_ms: number): number {
  return Math.floor(wall_ms / DAY_MS);
}

/** What becomes of what is due outside a window, as a sentence. */
export function outsideSentence({ start, end }: ScheduleWindow, on_missed: CronSchedule["on_missed"]): string {
  const then = on_missed === "catch_up" ? "starts when the window opens, and is shown there" : "is skipped";
  return `What is due outside ${start} to ${end} ${then} (on_missed: ${on_missed}).`;
}
