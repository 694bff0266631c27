import { type Cron, hasWall, nextFire, parseCron, shownBefore } from "../core/cron.ts";
import { DAY_MS } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import { localText, wallText } from "../core/local-time.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { checkTimeZone, nextTransition, segmentAt } from "../core/time-zone.ts";
import { isOpen, nextOpening, parseWindow } from "../core/window.ts";

/** A schedule to look ahead in. `from_ms` is exclusive. */
export interface PreviewRequest {
  readonly expression: string;
  readonly time_zone: string;
  readonly from_ms: number;
  readonly count: number;
  readonly window?: { readonly start: string; readonly end: string };
}

/** A change of clocks that the schedule meets, and what its policy makes of it. */
export interface ClockChange {
  readonly at: string;
  readonly kind: "gap" | "overlap";
  /** The wall times that do not exist, or come twice, as `YYYY-MM-DDTHH:MM`; the end is exclusive. */
  readonly local_from: string;
  readonly local_until: string;
  readonly outcome: "fires_after_gap" | "does_not_fire" | "fires_first_time" | "fires_both_times";
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

/**
 * The next fires of a schedule, without jitter; those outside the window are left out. Fewer come back where no more
 * are found. Refusals: `cron_invalid`, `time_zone_unknown`, `window_invalid`.
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

  const fires: number[] = [];
  let found_ms = from_ms;
  let after_ms = from_ms;
  while (fires.length < count) {
    const at_ms = nextFire({ cron, time_zone }, after_ms);
    if (at_ms === null || at_ms > LAST_MS) break;
    if (window === null || isOpen(window, time_zone, at_ms)) {
      fires.push(at_ms);
      found_ms = at_ms;
      after_ms = at_ms;
      continue;
    }
    if (at_ms - found_ms > LIMITS.schedule_preview_years * YEAR_MS) break;
    after_ms = nextOpening(window, time_zone, at_ms) - 1;
  }
  return {
    fires: fires.map((at_ms) => new Date(at_ms).toISOString()),
    local: fires.map((at_ms) => localText(time_zone, at_ms)),
    clock_changes: clockChanges(cron, time_zone, from_ms, found_ms),
  };
}

function clockChanges(cron: Cron, time_zone: string, from_ms: number, until_ms: number): readonly ClockChange[] {
  const changes: ClockChange[] = [];
  for (let change = nextTransition(time_zone, from_ms, until_ms); change !== null; ) {
    const { at_ms, after_ms } = change;
    const shown = shownBefore(time_zone, segmentAt(time_zone, at_ms));
    const wall = at_ms + after_ms;
    const [kind, low, high] = wall > shown ? (["gap", shown, wall] as const) : (["overlap", wall, shown] as const);
    if (low < high && hasWall(cron, low, high)) {
      changes.push({
        at: new Date(at_ms).toISOString(),
        kind,
        local_from: wallText(low),
        local_until: wallText(high),
        outcome: outcomeOf(kind, cron.interval),
      });
    }
    change = nextTransition(time_zone, at_ms, until_ms);
  }
  return changes;
}

function outcomeOf(kind: ClockChange["kind"], interval: boolean): ClockChange["outcome"] {
  if (kind === "gap") return interval ? "does_not_fire" : "fires_after_gap";
  return interval ? "fires_both_times" : "fires_first_time";
}
