import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { RunCreated, RunStepPlan } from "@oa/shared/generated/types.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import type { InstallState } from "@oa/shared/install/state.ts";
import type { Plan } from "@oa/shared/upgrade/plan.ts";
import { plannedNeeds, refuseRevoked } from "@oa/shared/upgrade/use.ts";

/** What starts a run. */
export type RunReason = RunCreated["data"]["reason"];

/**
 * Which release a start runs: the one on trial where nobody started it by hand, or where that is asked for, else the one
 * that is agreed to. Refusals: approval_required, not_found (no release is on trial).
 */
export function releaseToRun(
  { active, candidate }: Pick<InstallState, "active" | "candidate">,
  install_id: string,
  start: { readonly reason: RunReason; readonly trial: boolean },
): { readonly release: InstalledRelease; readonly trial: boolean } | Rejection {
  if (active === null) return reject("approval_required", `install ${install_id} waits for the owner's approval`);
  if (start.trial && candidate === null) return reject("not_found", `no release of ${install_id} is on trial`);
  const trial = candidate !== null && (start.trial || start.reason !== "manual");
  return { release: trial ? candidate : active, trial };
}

/**
 * Null where what is kept is exactly what was approved. Refusals: manifest_hash_mismatch, permission_hash_mismatch; either
 * stands until the owner approves it again.
 */
export function refuseDrift({ pins, manifest, revoked }: InstalledRelease, plan: Plan): Rejection | null {
  const name = `${pins.upgrade_id} ${pins.upgrade_version}`;
  if (manifest !== null && manifestHash(manifest) !== pins.manifest_sha256) {
    return reject("manifest_hash_mismatch", `${name} is not the manifest that was approved; install it again`);
  }
  const taken = revoked.map(({ permission }) => permission);
  const needed = plan.permissions.filter((permission) => !taken.includes(permission));
  if (permissionHash(needed) !== pins.permission_hash) {
    const message = `${name} now needs other permissions than were approved; install it again`;
    return reject("permission_hash_mismatch", message);
  }
  return null;
}

/** Whether a step can be known to need what the owner took away before anything runs. Refusal: permission_revoked. */
export function refuseRevokedSteps(
  steps: readonly RunStepPlan[],
  { grant, revoked }: InstalledRelease,
  { home, install_id }: { readonly home: string; readonly install_id: string },
): Rejection | null {
  if (revoked.length === 0) return null;
  for (const step of steps) {
    const refused = refuseRevoked(plannedNeeds(step, home), { grant, revoked, install_id });
    if (isRejection(refused)) return reject(refused.code, `step ${step.step_id}: ${refused.message}`, refused.details);
  }
  return null;
}
