import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { OPS } from "@oa/shared/generated/ops.ts";
import type { RunStepPlan } from "@oa/shared/generated/types.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import { refuseUnsignedCode } from "@oa/shared/upgrade/code-steps.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { refuseDrift } from "./release.ts";

const planned = new WeakMap<InstalledRelease, ReturnType<typeof planRelease>>();

/** The same as `planRelease`, worked out once for what is installed. */
export function plannedSteps(release: InstalledRelease, home: string): ReturnType<typeof planRelease> {
  const known = planned.get(release);
  if (known !== undefined) return known;
  const plan = planRelease(release, home);
  planned.set(release, plan);
  return plan;
}

/** The steps of a release as they will be performed, or why it cannot be carried out as approved. */
export function planRelease(release: InstalledRelease, home: string) {
  const { pins, manifest, inputs } = release;
  if (manifest === null) return reject("not_found", `the manifest of ${pins.upgrade_id} was deleted; install it again`);
  const unsigned = refuseUnsignedCode(manifest, pins);
  if (unsigned !== null) return unsigned;
  const plan = planOf(manifest, inputs as Parameters<typeof planOf>[1], { home });
  if (isRejection(plan)) return plan;
  const drifted = refuseDrift(release, plan);
  if (drifted !== null) return drifted;
  const steps = plan.steps.map(({ id, op, params, effect, timeout_ms, retry }): RunStepPlan => {
    // A manifest may ask for more attempts, but whether a write outside may be repeated at all is the op's to say.
    const most = effect === "external_write" && Object.hasOwn(OPS, op) ? OPS[op as keyof typeof OPS].retry : retry;
    const max_attempts = Math.min(retry.max_attempts, most.max_attempts);
    return { step_id: id, op, params, effect, timeout_ms, max_attempts, backoff_ms: retry.backoff_ms };
  });
  return { steps, inputs: plan.inputs };
}
