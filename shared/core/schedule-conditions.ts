import type { UpgradeSchedule } from "../generated/types.ts";

/** The conditions of a schedule that hold or do not, in the order in which they are told. */
export const CONDITIONS = ["plugged_in", "wifi_only", "suspend_if_active", "respect_dnd"] as const;

/** What each asks for. */
export const HOLDS = {
  plugged_in: "the machine is plugged in",
  wifi_only: "it is on Wi-Fi",
  suspend_if_active: "nobody is using the machine",
  respect_dnd: "do-not-disturb is off",
} as const satisfies Record<(typeof CONDITIONS)[number], string>;

/** What must be so on the machine for a start that nobody asks for, as an owner reads it; null where nothing must. */
export function conditionsInWords({ constraints = {}, on_unknown }: UpgradeSchedule): string | null {
  const { cpu_max_percentage: busy } = constraints;
  const parts = [
    ...CONDITIONS.filter((name) => constraints[name] === true).map((name) => HOLDS[name]),
    ...(busy === undefined ? [] : [`its processor is at most ${busy} % busy`]),
  ];
  const last = parts.at(-1);
  if (last === undefined) return null;
  const all = parts.length === 1 ? last : `${parts.slice(0, -1).join(", ")} and ${last}`;
  return on_unknown === "run" ? `${all} (what cannot be measured does not hold it back)` : all;
}
