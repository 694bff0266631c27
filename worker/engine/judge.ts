import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { RunStepPlan } from "@oa/shared/generated/types.ts";
import { actionOfStep, isExternalWrite } from "@oa/shared/policy/action.ts";
import { evaluate, type PolicyDecision } from "@oa/shared/policy/evaluate.ts";
import type { RunState } from "@oa/shared/run/process.ts";
import { performedAction, templateApprovals } from "@oa/shared/upgrade/step-action.ts";
import type { EngineOptions } from "../engine.ts";

/**
 * Whether a step that would write outside may, with the values it would do it with: exactly what the approved plan
 * declares is approved by the consent to it, nothing else is. Null, or the fault the step fails with: kill_switch_active,
 * approval_required, or the code of what denies it.
 */
export function judgeStep(
  { config, clock }: Pick<EngineOptions, "config" | "clock">,
  { created }: RunState,
  { step_id, op }: RunStepPlan,
  params: Readonly<Record<string, unknown>>,
): Fault | null {
  const owner = { manifest_sha256: created?.manifest_sha256 ?? "", home: config.home };
  const step = performedAction({ step_id, op, params }, owner);
  if (isRejection(step)) return new Fault(step.code, step.message);
  const action = actionOfStep(step);
  if (!isExternalWrite(action)) return null;
  // What an upgrade says was judged when it was installed; what it has found since is its owner's.
  const { params: _, ...judged } = action;
  const decision = evaluate(judged, {
    now_ms: clock.now_ms(),
    kill_switch: config.kill_switch ?? false,
    aup: config.aup ?? "strict",
    zone: "supervised",
    grant: created?.grant ?? [],
    approvals: templateApprovals(created?.plan ?? [], owner),
    quotas: [],
  });
  return decision.verdict === "allow" ? null : faultOf(decision, step_id);
}

function faultOf({ verdict, reasons }: PolicyDecision, step_id: string): Fault {
  const against = reasons.filter((reason) => reason.verdict === verdict);
  const said = `the policy stops step ${step_id}: ${against.map(({ message }) => message).join("; ")}`;
  const [first] = against;
  if (verdict === "require_approval") return new Fault("approval_required", said, { details: { reasons } });
  const code = first?.code === "kill_switch_active" || first?.code === "not_permitted" ? first.code : "policy_denied";
  return new Fault(code, said, { details: { reasons } });
}
