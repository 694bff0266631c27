import { type Permission, parsePermission } from "../core/permission.ts";
import { assertNever } from "../core/refusal.ts";
import { OPS } from "../generated/ops.ts";
import type { UpgradePricing, UpgradeSchedule } from "../generated/types.ts";

/** A permission as an owner reads it. */
export function permissionSentence(permission: Permission): string {
  const parsed = parsePermission(permission);
  if (parsed === null) return permission;
  const { kind, subject } = parsed;
  switch (kind) {
    case "filesystem:read":
      return `read ${placeOf(subject)}`;
    case "filesystem:write":
      return `create, change and delete ${placeOf(subject)}`;
    case "network:egress":
      return `connect to ${subject}`;
    case "tool:invoke": {
      const definition = Object.values(OPS).find(({ op }) => op === subject);
      return definition === undefined ? `use ${subject}` : `use ${subject}: ${lowerFirst(definition.description)}`;
    }
    case "event:publish":
      return `publish Nostr events of kind ${subject} in this worker's name`;
    case "env:read":
      return `read the environment variable ${subject}`;
    case "wallet:spend": {
      const [sats = "", period = ""] = subject.split("/");
      return `spend up to ${sats} sats per ${period}`;
    }
    case "process:spawn":
      return "start other programs";
    default:
      return assertNever(kind);
  }
}

function placeOf(glob: string): string {
  if (glob.endsWith("/**")) return `everything in ${glob.slice(0, -3)}`;
  return /[*?[{]/.test(glob) ? `files matching ${glob}` : glob;
}

function lowerFirst(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`.replace(/\.$/, "");
}

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
