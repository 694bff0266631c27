/** A price in words: `free`, `50 sats a run`, `2,100 sats a month`. */
export function priceInWords({ model, amount_sats }: { readonly model: string; readonly amount_sats: number }): string {
  if (model === "free" || amount_sats === 0) return "free";
  const digits = String(amount_sats).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${digits} sats ${model === "per-run" ? "a run" : "a month"}`;
}
