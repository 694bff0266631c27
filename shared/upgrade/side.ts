import { leastPermissions, type Permission } from "../core/permission.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import type { UpgradeManifest, UpgradeSchedule } from "../generated/types.ts";
import { npubToHex } from "../nostr/npub.ts";
import { declaredPermissions } from "./declared.ts";
import { defaultsOf, validateManifest } from "./validate.ts";

/** A version of an upgrade as it would run: with an install's inputs and schedule, or by itself. */
export interface UpgradeSide {
  readonly manifest: UpgradeManifest;
  /** Public key in hex. */
  readonly author: string;
  /** What consent shows. */
  readonly permissions: readonly Permission[];
  readonly schedule: UpgradeSchedule;
}

/**
 * A manifest by itself, inputs at their defaults; what hangs on others stays as `${inputs.<name>}`. Refusals: those of
 * `validateManifest`.
 */
export function sideOf(value: unknown): UpgradeSide | Rejection {
  const { manifest, permissions, errors } = validateManifest(value);
  if (manifest === null) {
    const [first] = errors;
    return reject(first?.code ?? "schema_invalid", `the manifest is not valid: ${first?.message}`, { errors });
  }
  return {
    manifest,
    author: npubToHex(manifest.author.npub) ?? manifest.author.npub,
    permissions: leastPermissions([...declaredPermissions(manifest, defaultsOf(manifest)), ...permissions]),
    schedule: manifest.schedule,
  };
}
