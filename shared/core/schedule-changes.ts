import type { CronSchedule, ScheduleChanges, ScheduleConstraints, UpgradeSchedule } from "../generated/types.ts";
import { nextWall, parseCron } from "./cron.ts";
import { isRejection, type Rejection, reject } from "./refusal.ts";
import { checkTimeZone } from "./time-zone.ts";
import { parseWindow } from "./window.ts";

/** A schedule with some settings changed; null takes a window or a constraint away. */
export function withChanges<Schedule extends CronSchedule | UpgradeSchedule>(
  schedule: Schedule,
  changes: ScheduleChanges,
): Schedule {
  const { window = schedule.window ?? null, constraints: edited = {}, ...plain } = changes;
  const { window: _, constraints: declared = {}, ...rest } = schedule;
  const kept = Object.entries({ ...declared, ...edited }).filter(([, value]) => value !== null);
  const changed = {
    ...rest,
    ...plain,
    ...(window === null ? {} : { window }),
    ...(kept.length === 0 ? {} : { constraints: Object.fromEntries(kept) as ScheduleConstraints }),
  };
  return changed as Schedule; // the same settings, each of the type it has in both
}

/** When an install really runs: what its upgrade declares, with what its owner chose. An own expression makes it run by it. */
export function ownSchedule(declared: UpgradeSchedule, changes: ScheduleChanges | null): UpgradeSchedule {
  if (changes === null) return declared;
  const changed = withChanges(declared, changes);
  return changes.expression === undefined ? changed : { ...changed, type: "cron" };
}

/** What an owner chose before, with what they choose now. */
export function mergedChanges(before: ScheduleChanges | null, now: ScheduleChanges): ScheduleChanges {
  const constraints = { ...before?.constraints, ...now.constraints };
  return { ...before, ...now, ...(Object.keys(constraints).length === 0 ? {} : { constraints }) };
}

/**
 * Null where an install may run by these settings. Refusals: cron_invalid, time_zone_unknown, window_invalid, and
 * schedule_incomplete for settings of times on an upgrade that has none.
 */
export function checkChanges(declared: UpgradeSchedule, changes: ScheduleChanges): Rejection | null {
  const { expression, timezone, window } = ownSchedule(declared, changes);
  if (changes.expression !== undefined) {
    const cron = parseCron(expression ?? "");
    if (isRejection(cron)) return cron;
    if (nextWall(cron, 0) === null) return reject("cron_invalid", `${JSON.stringify(expression)} never fires`);
  }
  const unknown = changes.timezone === undefined ? null : checkTimeZone(timezone ?? "");
  if (unknown !== null) return unknown;
  const parsed = window === undefined ? null : parseWindow(window);
  if (isRejection(parsed)) return parsed;
  if (declared.type !== "manual" || changes.expression !== undefined) return null;
  return reject(
    "schedule_incomplete",
    "this upgrade runs only when you start it: say when it runs as well (--schedule)",
  );
}
