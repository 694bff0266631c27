import { assertNever } from "../core/refusal.ts";
import type { UpgradePricing, UpgradeSchedule } from "../generated/types.ts";

/** When it runs, as an owner reads it. */
export function scheduleSentence(schedule: UpgradeSchedule): string {
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

/** What it costs, as an owner reads it. */
export function priceSentence(pricing: UpgradePricing | undefined): string {
  if (pricing === undefined || pricing.model === "free") return "free";
  return `${pricing.amount_sats ?? 0} sats per ${pricing.model === "per-run" ? "run" : "month"}`;
}
