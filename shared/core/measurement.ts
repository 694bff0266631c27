import type { ConstraintTrace } from "../generated/types.ts";
import { LIMITS } from "./limits.ts";
import { duration } from "./local-time.ts";
import { assertNever } from "./refusal.ts";

/** A constraint beside its measured value, e.g. `plugged_in: on battery`. */
export function measurement({ name, required, measured, reason }: ConstraintTrace): string {
  if (required === false) return `${name}: not asked for`;
  if (measured === "unknown") return `${name}: unknown (${reason ?? "it was not measured"})`;
  switch (name) {
    case "plugged_in":
      return `${name}: on ${measured === true ? "mains power" : "battery"}`;
    case "wifi_only":
      return `${name}: ${measured === "none" ? "no network" : `the network is ${measured}`}`;
    case "cpu_max_percentage":
      return `${name}: ${measured} % of at most ${required} %`;
    case "suspend_if_active":
      return `${name}: no input for ${duration(Number(measured))} of at least ${duration(LIMITS.machine_idle_ms)}`;
    case "respect_dnd":
      return `${name}: Do Not Disturb is ${measured === true ? "on" : "off"}`;
    default:
      return assertNever(name);
  }
}
