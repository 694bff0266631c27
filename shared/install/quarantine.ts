import { HOUR_MS } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import type { InstallReleaseSeen, InstallUpdatesSet } from "../generated/types.ts";

/** How long a release must have been known here before it is taken unasked, in milliseconds. */
export function ageWanted_ms({
  min_age_h = LIMITS.release_age_h,
}: Pick<InstallUpdatesSet["data"], "min_age_h">): number {
  return min_age_h * HOUR_MS;
}

/**
 * When a release was first seen: now, but no earlier than what the log already holds, nor than its author says, so that
 * a clock that was reset to the past does not make it look old. An author who writes a later date only waits longer.
 */
export function firstSeen_ms(now_ms: number, last_event_ms: number, released_at: number): number {
  return Math.max(now_ms, last_event_ms, released_at * 1_000);
}

/** How old a release is for this worker: by when it saw it, never by what its author says. Unknown is as young as can be. */
export function quarantine(
  seen: Pick<InstallReleaseSeen["data"], "seen_at_ms"> | undefined,
  wanted_ms: number,
  now_ms: number,
): { readonly over: boolean; readonly age_ms: number; readonly until_ms: number } {
  const seen_at_ms = seen?.seen_at_ms ?? now_ms;
  const age_ms = Math.max(0, now_ms - seen_at_ms);
  return { over: age_ms >= wanted_ms, age_ms, until_ms: seen_at_ms + wanted_ms };
}

/** One look at a release by two clocks; `monotonic_ms` is one that nobody can set. */
export interface Look {
  readonly wall_ms: number;
  readonly monotonic_ms: number;
}

/**
 * Whether the clock can be believed: it was looked at before in this process, long enough ago, and has since gone as
 * far as time that nobody can set. A clock that is wrong after a start, or was just set, is not believed yet.
 */
export function clockAgrees(before: Look | undefined, now: Look): boolean {
  if (before === undefined) return false;
  const passed_ms = now.monotonic_ms - before.monotonic_ms;
  const off_ms = Math.abs(now.wall_ms - before.wall_ms - passed_ms);
  return passed_ms >= LIMITS.release_check_ms_min && off_ms <= LIMITS.release_clock_skew_ms;
}
