import { nextWall, parseCron } from "../core/cron.ts";
import { HOUR_MS } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import { duration } from "../core/local-time.ts";
import { isRejection } from "../core/refusal.ts";
import { CONDITIONS, HOLDS } from "../core/schedule-conditions.ts";
import { parseWindow } from "../core/window.ts";
import type { ScheduleWindow, UpgradeSchedule } from "../generated/types.ts";
import { type Direction, type Found, found, same } from "./change.ts";
import type { UpgradeSide } from "./side.ts";

/** When it starts: how often, within which hours, under which conditions, and at what triggers. */
export function diffTiming(before: UpgradeSide, after: UpgradeSide): readonly Found[] {
  return [
    ...diffSchedule(before.schedule, after.schedule),
    ...diffWindow(before.schedule, after.schedule),
    ...diffConstraints(before.schedule, after.schedule),
    ...diffTriggers(before, after),
  ];
}

function diffSchedule(before: UpgradeSchedule, after: UpgradeSchedule): readonly Found[] {
  const changes: Found[] = [];
  if (timesText(before) !== timesText(after)) {
    const [old, now] = [startsInFourYears(before), startsInFourYears(after)];
    const direction: Direction = now > old ? "widened" : now < old ? "narrowed" : "changed";
    const often = now > old ? ", which is more often" : now < old ? ", which is less often" : "";
    const sentence = `It starts ${timesText(after)}, before ${timesText(before)}${often}.`;
    changes.push(found(direction, "schedule", "times", [timesText(before), timesText(after)], sentence));
  }
  const missed = (schedule: UpgradeSchedule): string => schedule.on_missed ?? "catch_up";
  const bothRun = before.type === "cron" && after.type === "cron";
  if (bothRun && missed(before) !== missed(after)) {
    const more = missed(after) === "catch_up";
    const sentence = more
      ? "It now catches up on starts it missed, at other times than its schedule names."
      : "It no longer catches up on starts it missed.";
    const pair = [missed(before), missed(after)] as const;
    changes.push(found(more ? "widened" : "narrowed", "schedule", "on_missed", pair, sentence));
  }
  if (bothRun && missed(before) === "catch_up" && missed(after) === "catch_up") changes.push(...diffAge(before, after));
  for (const field of ["jitter_ms", "overlap"] as const) {
    if (!bothRun || before[field] === after[field]) continue;
    const [was, is] = [before[field], after[field]];
    const sentence = `Its ${field} changed: ${was ?? "the default"} is now ${is ?? "the default"}.`;
    changes.push(found("changed", "schedule", field, [was, is], sentence));
  }
  return changes;
}

function diffAge(before: UpgradeSchedule, after: UpgradeSchedule): readonly Found[] {
  const { catch_up_max_age_h: was = LIMITS.schedule_catch_up_h } = before;
  const { catch_up_max_age_h: is = LIMITS.schedule_catch_up_h } = after;
  if (was === is) return [];
  const text = (hours: number): string => duration(hours * HOUR_MS);
  const sentence = `It catches up on starts it missed up to ${text(is)} ago, before up to ${text(was)}.`;
  return [found(is > was ? "widened" : "narrowed", "schedule", "catch_up_max_age_h", [was, is], sentence)];
}

/** By the calendar alone; a manual or event upgrade has no starts of its own. */
function startsInFourYears({ type, expression }: UpgradeSchedule): number {
  const cron = type === "cron" && expression !== undefined ? parseCron(expression) : null;
  if (cron === null || isRejection(cron)) return 0;
  const daily = { ...cron, hours: [0], minutes: [0] };
  const until = Date.UTC(2029, 0, 1);
  let days = 0;
  for (
    let wall = nextWall(daily, Date.UTC(2025, 0, 1));
    wall !== null && wall < until;
    wall = nextWall(daily, wall + 1)
  ) {
    days += 1;
  }
  return days * cron.hours.length * cron.minutes.length;
}

function timesText({ type, expression = "", timezone }: UpgradeSchedule): string {
  if (type === "manual") return "only by hand";
  if (type === "event") return "only at its triggers";
  return `at ${expression} (${timezone ?? "this machine's time zone"})`;
}

function diffWindow(before: UpgradeSchedule, after: UpgradeSchedule): readonly Found[] {
  const [old, now] = [before.window, after.window];
  if (same(old, now) || after.type !== "cron" || before.type !== "cron") return [];
  const inside = minutesOf(now).every((open, minute) => !open || minutesOf(old)[minute] === true);
  const text = (window: ScheduleWindow | undefined): string =>
    window === undefined ? "at any time of day" : `only between ${window.start} and ${window.end}`;
  const sentence = `It may start ${text(now)}, before ${text(old)}.`;
  return [found(inside ? "narrowed" : "widened", "window", "window", [old, now], sentence)];
}

/** For each minute of the day, whether the window is open. */
function minutesOf(window: ScheduleWindow | undefined): readonly boolean[] {
  const parsed = window === undefined ? null : parseWindow(window);
  const open = (minute: number): boolean => {
    if (parsed === null || isRejection(parsed)) return true;
    const { start_minute: start, end_minute: end } = parsed;
    return start < end ? minute >= start && minute < end : minute >= start || minute < end;
  };
  return Array.from({ length: 24 * 60 }, (_, minute) => open(minute));
}

function diffConstraints(before: UpgradeSchedule, after: UpgradeSchedule): readonly Found[] {
  if (before.type !== "cron" || after.type !== "cron") return [];
  const [old, now] = [before.constraints ?? {}, after.constraints ?? {}];
  const changes: Found[] = CONDITIONS.flatMap((name) => {
    const [was, is] = [old[name] === true, now[name] === true];
    if (was === is) return [];
    const sentence = is ? `It now waits until ${HOLDS[name]}.` : `It no longer waits until ${HOLDS[name]}.`;
    return [found(is ? "narrowed" : "widened", "constraint", name, [was, is], sentence)];
  });
  const load = (constraints: typeof old): number => constraints.cpu_max_percentage ?? 100;
  if (load(old) !== load(now)) {
    const pair = [old.cpu_max_percentage, now.cpu_max_percentage] as const;
    const sentence = `It starts while the processor is at up to ${load(now)} %, before ${load(old)} %.`;
    changes.push(
      found(load(now) > load(old) ? "widened" : "narrowed", "constraint", "cpu_max_percentage", pair, sentence),
    );
  }
  const unknown = (schedule: UpgradeSchedule): string => schedule.on_unknown ?? "wait";
  if (unknown(before) !== unknown(after)) {
    const runs = unknown(after) === "run";
    const sentence = `It ${runs ? "now starts" : "no longer starts"} where a condition cannot be measured.`;
    const pair = [unknown(before), unknown(after)] as const;
    changes.push(found(runs ? "widened" : "narrowed", "constraint", "on_unknown", pair, sentence));
  }
  return changes;
}

function diffTriggers({ manifest: before }: UpgradeSide, { manifest: after }: UpgradeSide): readonly Found[] {
  const [old, now] = [before.triggers ?? [], after.triggers ?? []];
  type Trigger = (typeof now)[number];
  const text = (trigger: Trigger): string =>
    trigger.type === "file_change"
      ? `a file changes that matches ${trigger.glob}`
      : `a Nostr event of kind ${trigger.kinds.join(" or ")} is published${
          trigger.filter === undefined ? "" : ` with ${JSON.stringify(trigger.filter)}`
        }`;
  const missing = (from: readonly Trigger[], among: readonly Trigger[]): readonly Trigger[] =>
    from.filter((trigger) => !among.some((other) => same(trigger, other)));
  return [
    ...missing(now, old).map((trigger) =>
      found("widened", "trigger", trigger.type, [null, trigger], `It also starts when ${text(trigger)}.`),
    ),
    ...missing(old, now).map((trigger) =>
      found("narrowed", "trigger", trigger.type, [trigger, null], `It no longer starts when ${text(trigger)}.`),
    ),
  ];
}
