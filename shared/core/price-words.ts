import type { UpgradePricing } from "../generated/types.ts";

/** A price in words: `free`, `50 sats a run`, `2,100 sats a month, after 3 free runs`. */
export function priceInWords(pricing: UpgradePricing | undefined): string {
  const { model, amount_sats = 0, trial_runs } = pricing ?? { model: "free" };
  if (model === "free" || amount_sats === 0) return "free";
  const digits = String(amount_sats).replace(/\B(?=(\d{3})+$)/g, ",");
  const tried =
    trial_runs === undefined ? "" : `, after ${trial_runs === 1 ? "a free run" : `${trial_runs} free runs`}`;
  return `${digits} sats ${model === "per-run" ? "a run" : "a month"}${tried}`;
}
