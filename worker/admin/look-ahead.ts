import type { DryRun, WhyNot, WhyNotMatrix } from "@oa/shared/api/dry-run.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { ownSchedule } from "@oa/shared/core/schedule-changes.ts";
import type { ConstraintTrace, ControlInstallPreview, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { evaluateConstraints, sensorsFor } from "@oa/shared/schedule/constraints.ts";
import type { WorkerCapabilities } from "@oa/shared/upgrade/compatibility.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import type { MachineState } from "../adapters/machine-state/port.ts";
import type { Sandbox } from "../adapters/sandbox.ts";
import type { Vault } from "../adapters/vault.ts";
import type { Config } from "../config.ts";
import { type Compliance, openCompliance } from "../engine/compliance.ts";
import { planRelease } from "../engine/planned-steps.ts";
import { refuseRevokedSteps } from "../engine/release.ts";
import { refuseStart } from "../engine/start-gates.ts";
import type { Engine } from "../engine.ts";
import { dryRun } from "./dry-run.ts";
import { inputsFor, installOf } from "./install-inputs.ts";
import { matrixOf } from "./matrix.ts";
import { findManifest, type UpgradesOptions } from "./upgrades.ts";
import { whyNot } from "./why-not.ts";

export interface LookAheadOptions extends UpgradesOptions {
  readonly home: string;
  readonly engine: Pick<Engine, "gates">;
  readonly config: Pick<Config, "private_allow" | "code_packages">;
  readonly sandbox: Pick<Sandbox, "name" | "missing">;
  readonly vault?: Pick<Vault, "status" | "get">;
  /** What this machine was measured to have, its model backends included. */
  readonly capabilities: (signal: AbortSignal) => Promise<WorkerCapabilities>;
  /** Asks this machine's sensors; absent: nobody can. */
  readonly measure?: MachineState["measure"];
  /** Judges what upgrades are for; strictly and by the rules alone where absent. */
  readonly compliance?: Pick<Compliance, "manifest">;
}

/** The compliance gate that it is looked ahead with. */
export function complianceOf({
  compliance = openCompliance("strict"),
}: LookAheadOptions): Pick<Compliance, "manifest"> {
  return compliance;
}

/** A dry run, on the machine as it is. Refusals: those of `findManifest` and of `planOf`. */
export async function planHere(
  request: ControlInstallPreview,
  options: LookAheadOptions,
  signal: AbortSignal,
): Promise<DryRun | Rejection> {
  const found = await planned(request, options, signal);
  if (isRejection(found)) return found;
  const { plan } = found;
  if (isRejection(plan)) return plan;
  const { home, capabilities } = options;
  return dryRun(found, plan, {
    ...{ home, signal, now_ms: options.now_ms() },
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    backends: async () => (await capabilities(signal)).backends,
  });
}

/** What stands against running it here. Refusals: those of `findManifest`; a plan that is refused is an answer. */
export async function whyNotHere(
  request: ControlInstallPreview,
  options: LookAheadOptions,
  signal: AbortSignal,
): Promise<WhyNot | Rejection> {
  const found = await planned(request, options, signal);
  if (isRejection(found)) return found;
  const { config } = options;
  const { manifest, plan } = found;
  return whyNot({
    ...found,
    standing: standingOf(found.known, options),
    unmeasured: await unmeasured(found, options, signal),
    ...(options.vault === undefined ? {} : { vault: options.vault }),
    policy: await complianceOf(options).manifest(manifest, isRejection(plan) ? {} : plan.inputs, signal),
    ...{ private_allow: config.private_allow, code_packages: config.code_packages },
    worker: await options.capabilities(signal),
  });
}

/** The same for every paired worker that told what it has. */
export async function matrixHere(
  request: ControlInstallPreview,
  options: LookAheadOptions & { readonly worker: string },
  signal: AbortSignal,
): Promise<WhyNotMatrix | Rejection> {
  const here = await whyNotHere(request, options, signal);
  if (isRejection(here)) return here;
  const found = await planned(request, options, signal);
  if (isRejection(found)) return found;
  const { manifest, plan } = found;
  return matrixOf(here, manifest, isRejection(plan) ? null : plan.steps, options);
}

/** What the schedule asks of a machine that cannot tell, where that holds it back. Processor times are always there. */
async function unmeasured(
  { manifest, known }: { readonly manifest: UpgradeManifest; readonly known: InstallView | null },
  { measure }: LookAheadOptions,
  signal: AbortSignal,
): Promise<readonly ConstraintTrace[]> {
  const { constraints, on_unknown = "wait" } = ownSchedule(manifest.schedule, known?.schedule_changes ?? null);
  const { cpu_max_percentage: _, ...asked } = constraints ?? {};
  const sensors = sensorsFor(asked);
  if (measure === undefined || on_unknown === "run" || sensors.length === 0) return [];
  const readings = await measure(sensors, signal);
  return evaluateConstraints(asked, readings, on_unknown).constraints.filter(({ met }) => met === "unknown");
}

/** Whether what is installed could be started as it is: nothing drifted or was taken away, and it is paid for. */
function standingOf(known: InstallView | null, { store, home, engine }: LookAheadOptions): Rejection | null {
  const { active } = known === null ? { active: null } : store.load(installDecider, known.install_id);
  if (known === null || active === null) return null;
  const plan = planRelease(active, home);
  if (isRejection(plan)) return plan;
  const { install_id } = known;
  return refuseRevokedSteps(plan.steps, active, { home, install_id }) ?? refuseStart(engine.gates(install_id));
}

async function planned(request: ControlInstallPreview, options: LookAheadOptions, signal: AbortSignal) {
  const found = await findManifest(request.source, options, signal, request.channel);
  if (isRejection(found)) return found;
  const { manifest, address } = found;
  const known = address === null ? null : installOf(address, options.sql);
  const plan = planOf(manifest, inputsFor(manifest, request, known, options.store), options);
  return { manifest, address, known, plan };
}
