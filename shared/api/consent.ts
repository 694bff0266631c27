import { assertNever } from "../core/refusal.ts";
import type { UpgradeManifest, UpgradeSchedule } from "../generated/types.ts";
import type { PlannedTrigger } from "../upgrade/triggers.ts";

/** When it runs, triggers included, as an owner reads it. */
export function whenSentence(schedule: UpgradeSchedule, triggers: readonly PlannedTrigger[]): string {
  if (triggers.length === 0) return scheduleSentence(schedule);
  const causes = triggers.map(triggerPhrase).join(", or ");
  if (schedule.type === "event") return `when ${causes}`;
  return `${schedule.type === "manual" ? "when you start it" : scheduleSentence(schedule)}; also when ${causes}`;
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
      const { window } = schedule;
      const zone = schedule.timezone ?? "this machine's time zone";
      const hours = window === undefined ? "" : `, only between ${window.start} and ${window.end}`;
      return `on the schedule ${schedule.expression ?? ""} (${zone})${hours}`;
    }
    default:
      return assertNever(schedule.type);
  }
}

/** What an author declares under `policy`, as an owner reads it before the first run; an update shows what changes of it. */
export function declaredSentences({ policy = {} }: Pick<UpgradeManifest, "policy">): readonly string[] {
  const { aup_flags = [], data_retention_days: days, telemetry_level } = policy;
  return [
    ...(aup_flags.length === 0 ? [] : [`It carries the policy flags ${aup_flags.join(", ")}.`]),
    ...(days === undefined ? [] : [`What its runs gave is deleted after ${days} days.`]),
    ...(telemetry_level === undefined ? [] : [`Its telemetry is ${telemetry_level}.`]),
  ];
}
