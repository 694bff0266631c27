import { externalWriteFreeAt, satsFreeAt } from "@oa/shared/approval/views.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { BudgetTrace, PolicyQuota, RunStepPlan } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import { type Licence, licenceFor } from "@oa/shared/license/gate.ts";
import { licencesOf, trialRunsOf } from "@oa/shared/license/views.ts";
import { pairingOf } from "@oa/shared/pairing/views.ts";
import { conductSubject } from "@oa/shared/policy/decider.ts";
import { METRICS, usageFreeAt } from "@oa/shared/policy/views.ts";
import type { StartGates } from "@oa/shared/schedule/waits.ts";
import { plannedNeeds } from "@oa/shared/upgrade/use.ts";
import { quotasOf, SPEND, type Uses, usesOf, WRITE_WINDOWS } from "./circumstances.ts";
import type { EngineOptions } from "./options.ts";
import { plannedSteps } from "./planned-steps.ts";
import { releaseToRun } from "./release.ts";

type Options = Pick<EngineOptions, "store" | "database" | "config">;

/** Licence and budget of the run that an install's schedule would start at a time; what else stands against it is not said. */
export function startGates(options: Options, install_id: string, now_ms: number): StartGates {
  const install = options.store.load(installDecider, install_id);
  const chosen = releaseToRun(install, install_id, { reason: "schedule", trial: false });
  if (isRejection(chosen)) return { licence: "not_applicable", budget: "not_applicable" };
  const plan = plannedSteps(chosen.release, options.config.home);
  return {
    licence: licenceOf(options, chosen.release, now_ms).trace,
    budget: isRejection(plan) ? "not_applicable" : budgetOf(options, install_id, plan.steps, now_ms),
  };
}

/** Whether a release is paid for by what this worker holds. The buyer is this worker, or whoever is paired with it. */
export function licenceOf(
  { database, config }: Options,
  { manifest, pins }: Pick<InstalledRelease, "manifest" | "pins">,
  now_ms: number,
): Licence {
  const pricing = manifest?.pricing;
  const paid = pricing !== undefined && pricing.model !== "free";
  const held = paid ? licencesOf(database, pins.upgrade_address, LIMITS.licences_weighed) : [];
  const isOurs = (buyer: string): boolean => buyer === config.worker || pairingOf(database, buyer) !== null;
  const trial_used = paid ? trialRunsOf(database, pins.upgrade_address) : 0;
  return licenceFor({ pricing, pins, held, isOurs, trial_used, now_ms });
}

/** Whether the quotas that steps as planned would use have room for one more use. */
export function budgetOf(
  { database, config }: Options,
  install_id: string,
  steps: readonly RunStepPlan[],
  now_ms: number,
): BudgetTrace | "not_applicable" {
  const quotas = quotasOf({ database, config, now_ms, until_ms: now_ms }, install_id, plannedUses(steps, config.home));
  if (quotas.length === 0) return "not_applicable";
  const told = quotas.map((quota) => {
    const { name, used, limit, amount } = quota;
    if (used + amount <= limit) return { name, used, limit };
    return { name, used, limit, free_at_ms: freeAt(database, install_id, quota, now_ms) };
  });
  const full = told.filter((quota) => "free_at_ms" in quota);
  if (full.length > 0)
    return {
      allowed: false,
      message: full.map((quota) => fullSentence(quota, amountOf(quotas, quota.name))).join("; "),
      quotas: told,
    };
  const message = told.map(({ name, used, limit }) => `${name}: ${used} of ${limit} are used`).join("; ");
  return { allowed: true, message, quotas: told };
}

const known = new WeakMap<readonly RunStepPlan[], Uses>();

/** What of that which is limited steps would use, as far as it is known before they run; worked out once for a plan. */
function plannedUses(steps: readonly RunStepPlan[], home: string): Uses {
  const before = known.get(steps);
  if (before !== undefined) return before;
  const each = steps.map(({ op, params }) => {
    return usesOf({ action_type: "file.read", op, needs: plannedNeeds({ op, params }, home) });
  });
  const uses = {
    outside: steps.some(({ effect }) => effect === "external_write"),
    metrics: METRICS.filter((metric) => each.some(({ metrics }) => metrics.includes(metric))),
    sats: each.reduce((sum, { sats }) => sum + sats, 0),
  };
  known.set(steps, uses);
  return uses;
}

/** Why what is not paid for, or has no quota left, is not started. Refusals: those of `LicenceTrace`, quota_exceeded. */
export function refuseStart({ licence, budget }: StartGates): Rejection | null {
  if (licence !== "not_applicable" && !licence.allowed) {
    return reject(licence.code ?? "licence_missing", licence.message);
  }
  if (budget !== "not_applicable" && !budget.allowed) return reject("quota_exceeded", budget.message);
  return null;
}

function freeAt(
  database: Options["database"],
  install_id: string,
  { name, limit, amount }: PolicyQuota,
  now_ms: number,
): number | null {
  const window_ms = WRITE_WINDOWS[name];
  if (window_ms !== undefined) return externalWriteFreeAt(database, install_id, { limit, window_ms, now_ms });
  if (name === SPEND.name) {
    return satsFreeAt(database, install_id, { limit, amount, window_ms: SPEND.window_ms, now_ms });
  }
  const metric = METRICS.find((one) => name === `${one}_per_day`);
  return metric === undefined ? null : usageFreeAt(database, conductSubject(install_id), metric, { limit, now_ms });
}

function amountOf(quotas: readonly PolicyQuota[], name: string): number {
  return quotas.find((quota) => quota.name === name)?.amount ?? 1;
}

function fullSentence({ name, used, limit, free_at_ms = null }: BudgetTrace["quotas"][number], amount: number): string {
  const free =
    free_at_ms === null ? "none is ever free" : `there is room again at ${new Date(free_at_ms).toISOString()}`;
  const more = amount === 1 ? "" : `, a run needs ${amount}`;
  return `${name}: ${used} of ${limit} are used${more}, and ${free}; \`quotas\` in config.json sets the limit`;
}
