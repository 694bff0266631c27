import type { CatalogListing, UpgradeSchedule } from "@oa/shared/generated/types.ts";

/** The price of a listing in words. */
export function priceInWords({ pricing }: Pick<CatalogListing, "pricing">): string {
  if (pricing.model === "free" || pricing.amount_sats === 0) return "free";
  return `${pricing.amount_sats.toLocaleString("en")} sats ${pricing.model === "per-run" ? "a run" : "a month"}`;
}

/** When an upgrade runs, in words. */
export function scheduleInWords(schedule: UpgradeSchedule): string {
  if (schedule.type === "manual") return "when its owner asks";
  if (schedule.type === "event") return "when something it watches changes";
  const window = schedule.window === undefined ? "" : `, between ${schedule.window.start} and ${schedule.window.end}`;
  return `on the schedule ${schedule.expression} (${schedule.timezone ?? "the worker's time zone"})${window}`;
}

/** What one step works on, from its most telling parameter. */
export function stepInWords(step: Readonly<Record<string, unknown>>): string {
  for (const name of ["repo", "url", "path", "index", "dest", "model", "content", "query"]) {
    const value = step[name];
    if (typeof value === "string" && value !== "") return value.length > 120 ? `${value.slice(0, 119)}…` : value;
  }
  return "";
}

/** References to an install's inputs as its future owner understands them. */
export function withChoices(text: string): string {
  return text.replace(/\$\{inputs\.([A-Za-z0-9_-]+)\}/g, "what you choose as $1");
}
