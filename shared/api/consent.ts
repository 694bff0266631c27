import { HOUR_MS } from "../core/durations.ts";
import { duration } from "../core/local-time.ts";
import { assertNever } from "../core/refusal.ts";
import { conditionsInWords } from "../core/schedule-conditions.ts";
import type { UpgradeManifest, UpgradeSchedule } from "../generated/types.ts";
import type { PlannedTrigger } from "../upgrade/triggers.ts";

/** When it runs, triggers included, as an owner reads it. */
export function whenSentence(schedule: UpgradeSchedule, triggers: readonly PlannedTrigger[]): string {
  const limits = restrictions(schedule).join(", ");
  if (triggers.length === 0) {
    // What its owner starts is held back by nothing.
    const held = schedule.type !== "manual" && limits !== "";
    return `${scheduleSentence(schedule)}${held ? `, ${limits}` : ""}`;
  }
  const causes = triggers.map(triggerPhrase).join(", or ");
  const own = schedule.type === "manual" ? "when you start it" : scheduleSentence(schedule);
  const all = schedule.type === "event" ? `when ${causes}` : `${own}; also when ${causes}`;
  return `${all}${limits === "" ? "" : `; by itself ${limits}`}`;
}

/** When nothing starts by itself, though it is due or triggered. */
function restrictions(schedule: UpgradeSchedule): readonly string[] {
  const { window } = schedule;
  const conditions = conditionsInWords(schedule);
  return [
    ...(window === undefined ? [] : [`only between ${window.start} and ${window.end}`]),
    ...(conditions === null ? [] : [`only while ${conditions}`]),
  ];
}

function triggerPhrase(trigger: PlannedTrigger): string {
  if (trigger.type === "file_change") return `a file changes that matches ${trigger.glob}`;
  const { kinds, ...rest } = trigger.filter;
  const more = Object.entries(rest).map(([name, values]) => `${name} ${[values].flat().join(" or ")}`);
  const which = more.length === 0 ? " by anybody" : ` with ${more.join(" and ")}`;
  return `a Nostr event of kind ${[kinds].flat().join(" or ")}${which} is published`;
}

function scheduleSentence(schedule: UpgradeSchedule): string {
  switch (schedule.type) {
    case "manual":
      return "only when you start it";
    case "event":
      return "when one of its triggers fires";
    case "cron": {
      const zone = schedule.timezone ?? "this machine's time zone";
      return `on the schedule ${schedule.expression ?? ""} (${zone})${missedPhrase(schedule)}`;
    }
    default:
      return assertNever(schedule.type);
  }
}

/** What becomes of missed starts, where that is declared. */
function missedPhrase({ on_missed, catch_up_max_age_h }: UpgradeSchedule): string {
  if (on_missed === "skip") return ", never catching up on a start it missed";
  if (catch_up_max_age_h === undefined) return "";
  return `, catching up on a start it missed up to ${duration(catch_up_max_age_h * HOUR_MS)} ago`;
}

function telemetrySentence(level: string): string {
  if (level !== "basic" && level !== "full") return "Its runs send no telemetry.";
  return `Its runs send ${level} telemetry to a collector of yours, where you have set one up, and nowhere else.`;
}

/** What an author declares under `policy`, as an owner reads it before the first run; an update shows what changes of it. */
export function declaredSentences({ policy = {} }: Pick<UpgradeManifest, "policy">): readonly string[] {
  const { aup_flags = [], data_retention_days: days, telemetry_level } = policy;
  return [
    ...(aup_flags.length === 0 ? [] : [`It says of its use: ${aup_flags.join(", ").replaceAll("_", " ")}.`]),
    ...(days === undefined ? [] : [`What its runs gave is deleted after ${days === 1 ? "one day" : `${days} days`}.`]),
    ...(telemetry_level === undefined ? [] : [telemetrySentence(telemetry_level)]),
  ];
}
