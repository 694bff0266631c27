import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { RunCreated } from "@oa/shared/generated/types.ts";
import type { InstallState } from "@oa/shared/install/state.ts";
import { refuseTakenDown } from "@oa/shared/install/takedown.ts";
import type { Payment } from "@oa/shared/license/gate.ts";
import { conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { countOpenRuns, openRunsOf } from "@oa/shared/run/views.ts";
import { type JudgedRelease, refuseUnjudged } from "./judged-release.ts";
import type { EngineOptions } from "./options.ts";
import { plannedSteps } from "./planned-steps.ts";
import { type RunReason, refuseRevokedSteps, releaseToRun } from "./release.ts";
import { budgetOf, licenceOf, refuseStart } from "./start-gates.ts";

export interface PlannedRun {
  readonly data: RunCreated["data"];
  /** What pays for it; null for what is free. */
  readonly payment: Payment | null;
}

/** A new run of an install, with everything it will ever need pinned, or why there can be none now. */
export function plannedRun(
  options: EngineOptions,
  install: InstallState,
  install_id: string,
  start: {
    readonly reason: RunReason;
    readonly due_ms: number | undefined;
    readonly trial: boolean;
    readonly now_ms: number;
    /** What the compliance gate said of the release that was to be run when it was asked; null: there was none. */
    readonly judged: JudgedRelease | null;
  },
): PlannedRun | Rejection {
  const { store, database, config } = options;
  const { status } = install;
  const { reason, due_ms } = start;
  if (status === "none" || status === "removed") return reject("not_found", `there is no install ${install_id}`);
  const chosen = releaseToRun(install, install_id, start);
  if (isRejection(chosen)) return chosen;
  const { release, trial } = chosen;
  const { pins, grant, revoked } = release;
  if (status === "yanked") {
    return reject("release_yanked", `${pins.upgrade_id} ${pins.upgrade_version} was taken back by its author`);
  }
  const { quarantine } = store.load(conductDecider, conductSubject(install_id));
  if (quarantine !== null) {
    return reject("install_quarantined", `install ${install_id} is quarantined: ${quarantine.reason}`);
  }
  if (status === "disabled") {
    return refuseTakenDown(install) ?? reject("install_disabled", `install ${install_id} is disabled`);
  }
  const [open] = openRunsOf(database, install_id);
  if (open !== undefined) {
    return reject("already_running", `${pins.upgrade_id} has a run that has not ended: see oa runs ${open}`, {
      run_id: open,
    });
  }
  if (countOpenRuns(database) >= LIMITS.runs_queued) {
    return reject("busy", `${LIMITS.runs_queued} runs are waiting already`);
  }
  const denied = refuseUnjudged(start.judged, release, install_id);
  if (denied !== null) return denied;
  const plan = plannedSteps(release, config.home);
  if (isRejection(plan)) return plan;
  const taken = refuseRevokedSteps(plan.steps, release, { home: config.home, install_id });
  if (taken !== null) return taken;
  const licence = licenceOf(options, release, start.now_ms);
  const budget = budgetOf(options, install_id, plan.steps, start.now_ms);
  const held = refuseStart({ licence: licence.trace, budget });
  if (held !== null) return held;
  const data = {
    install_id,
    reason,
    ...(due_ms === undefined ? {} : { due_ms }),
    upgrade_address: pins.upgrade_address,
    upgrade_id: pins.upgrade_id,
    upgrade_version: pins.upgrade_version,
    title: pins.title,
    manifest_sha256: pins.manifest_sha256,
    manifest_event_id: pins.manifest_event_id,
    release_event_id: pins.release_event_id,
    permission_hash: pins.permission_hash,
    grant,
    ...(revoked.length === 0 ? {} : { revoked }),
    ...(trial ? { trial } : {}),
    steps: plan.steps.map(({ step_id, op }) => ({ step_id, op })),
    plan: plan.steps,
    inputs: plan.inputs,
  };
  return { data, payment: licence.payment };
}
