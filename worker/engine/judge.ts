import { type ApprovalState, approvalDecider } from "@oa/shared/approval/decider.ts";
import { approvalsFor, countRequested, requestOf } from "@oa/shared/approval/views.ts";
import { type EventStore, type Task, task } from "@oa/shared/core/event-store.ts";
import { newId } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { redact } from "@oa/shared/core/secrets.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { PolicyAction, PolicyApproval, RunStepPlan } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { withoutRevoked } from "@oa/shared/install/state.ts";
import {
  actionHash,
  actionOfStep,
  coveringApproval,
  covers,
  isExternalWrite,
  pinsOf,
  type StepAction,
} from "@oa/shared/policy/action.ts";
import { conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { evaluate, type PolicyDecision, type PolicyReason } from "@oa/shared/policy/evaluate.ts";
import { idempotencyKey, type RunState } from "@oa/shared/run/process.ts";
import { performedAction, writeSentence } from "@oa/shared/upgrade/step-action.ts";
import { performedNeeds, refuseRevoked } from "@oa/shared/upgrade/use.ts";
import { circumstances, quotasOf, usesOf } from "./circumstances.ts";
import type { EngineOptions } from "./options.ts";

export type JudgeOptions = Pick<EngineOptions, "store" | "database" | "clock" | "random" | "config" | "kill_switch">;

/**
 * What the policy gate says of a step, with what must be recorded together with it: the use of an approval beside the
 * intent, the question beside the wait, the denial beside the failure.
 */
export type Judgement = { readonly tasks: readonly Task[] } & (
  | { readonly kind: "go"; readonly outside: boolean }
  | { readonly kind: "wait"; readonly reason: string }
  | { readonly kind: "stop"; readonly fault: Fault }
);

/** A step about to be judged: which run's, its plan, and the values it would be performed with. */
export interface JudgedStep {
  readonly run_id: string;
  readonly state: RunState;
  readonly plan: RunStepPlan;
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * Whether a step may be performed now, by the rules, the owner's approvals and what was used so far. `load` sees what
 * the transaction that asks has decided already. Faults in `stop`: kill_switch_active, install_quarantined,
 * not_permitted, permission_revoked, quota_exceeded, action_zone_mismatch, approval_denied, approval_expired,
 * approval_revoked, manifest_hash_mismatch, busy, policy_denied, and those of `performedAction`.
 */
export function judgeStep(options: JudgeOptions, load: EventStore["load"], judged: JudgedStep): Judgement {
  const { clock, config } = options;
  const { run_id, plan, params } = judged;
  const taken = refuseTaken(load, judged, config.home);
  if (taken !== null) {
    return { kind: "stop", fault: new Fault(taken.code, `step ${plan.step_id}: ${taken.message}`), tasks: [] };
  }
  const { install_id, manifest_sha256 = "", grant = [] } = judged.state.created ?? {};
  const who = { principal: config.worker, ...(install_id == null ? {} : { install_id }), run_id };
  const step = performedAction(plan, params, { manifest_sha256, home: config.home, ...who });
  if (isRejection(step)) return { kind: "stop", fault: new Fault(step.code, step.message), tasks: [] };
  const whole = actionOfStep(step);
  const outside = isExternalWrite(whole);
  const now_ms = clock.now_ms();
  // What an upgrade says was judged when it was installed; what it has found since is its owner's.
  const { params: _, ...rest } = whole;
  const action: PolicyAction = outside ? { ...rest, action_sha256: actionHash(whole) } : rest;
  const uses = outside ? usable(options, load, judged, action, now_ms) : [];
  const decision = evaluate(action, {
    ...circumstances(options, load, install_id ?? null),
    ...{ now_ms, grant, approvals: uses },
    quotas:
      install_id == null
        ? []
        : quotasOf({ ...options, now_ms }, install_id, usesOf(action), idempotencyKey(run_id, plan.step_id)),
  });
  if (decision.verdict === "deny") return denied(judged, decision, now_ms);
  if (decision.verdict === "require_approval") return ask(options, load, judged, step, action, decision);
  const approval = coveringApproval(uses, action, now_ms);
  return {
    kind: "go",
    outside,
    tasks: approval === undefined ? [] : [consumption(load, judged, approval, action, now_ms)],
  };
}

/** The run's manifest, where its install still has it: as what runs, or on trial. */
function installedManifest(load: EventStore["load"], { created }: RunState): string | null {
  const { active, candidate } = load(installDecider, created?.install_id ?? "");
  const has = [active, candidate].some((one) => one?.pins.manifest_sha256 === created?.manifest_sha256);
  return created !== null && has ? created.manifest_sha256 : null;
}

/**
 * What a step needs of what the owner has taken away since its run was made, also where another release runs by now;
 * null: nothing. Refusal: permission_revoked.
 */
export function refuseTaken(
  load: EventStore["load"],
  { state, plan, params }: Pick<JudgedStep, "state" | "plan" | "params">,
  home: string,
): Rejection | null {
  const { install_id = null, grant = [] } = state.created ?? {};
  const { revoked } = load(installDecider, install_id ?? "");
  if (revoked.length === 0) return null;
  const left = withoutRevoked(grant, revoked);
  return refuseRevoked(performedNeeds({ op: plan.op, params }, home), { grant: left, revoked, install_id });
}

/** The approvals that would let themselves be used for the action now. */
function usable(
  { database }: JudgeOptions,
  load: EventStore["load"],
  judged: JudgedStep,
  action: PolicyAction,
  now_ms: number,
): readonly PolicyApproval[] {
  const { install_id = null } = judged.state.created ?? {};
  if (install_id === null) return [];
  return approvalsFor(database, install_id, judged.run_id, LIMITS.approvals_weighed).filter(
    (approval) =>
      covers(approval, action, now_ms) && !isRejection(consumption(load, judged, approval, action, now_ms).run(load)),
  );
}

/** Another attempt at the same step of the same run is the same use. */
function consumption(
  load: EventStore["load"],
  { run_id, plan, state }: JudgedStep,
  { approval_id }: PolicyApproval,
  action: PolicyAction,
  now_ms: number,
): Task {
  const use = idempotencyKey(run_id, plan.step_id);
  const manifest_sha256 = installedManifest(load, state);
  return task(approvalDecider, approval_id, { type: "consume", action, use, manifest_sha256, now_ms });
}

function denied(judged: JudgedStep, decision: PolicyDecision, now_ms: number): Judgement {
  const fault = faultOf(decision, judged.plan.step_id);
  return { kind: "stop", fault, tasks: denial(judged, fault, decision.reasons, now_ms) };
}

function denial(
  { run_id, plan, state }: JudgedStep,
  { code }: Fault,
  reasons: readonly PolicyReason[],
  now_ms: number,
): readonly Task[] {
  const { install_id = null } = state.created ?? {};
  if (install_id === null) return [];
  const { step_id, op } = plan;
  const data = { run_id, step_id, op, code, reasons: reasons.map(record), at_ms: now_ms };
  return [task(conductDecider, conductSubject(install_id), { type: "deny", ...data })];
}

function record({ rule, verdict, code, message }: PolicyReason) {
  return { rule, verdict, code, message: clip(redact(message), 2_000) };
}

const AS_THEY_ARE: ReadonlySet<string> = new Set([
  ...["kill_switch_active", "install_quarantined", "not_permitted", "quota_exceeded", "action_zone_mismatch"],
]);

function faultOf({ verdict, reasons }: PolicyDecision, step_id: string): Fault {
  const against = reasons.filter((reason) => reason.verdict === verdict);
  const said = `the policy stops step ${step_id}: ${against.map(({ message }) => message).join("; ")}`;
  const known = against.find(({ code }) => AS_THEY_ARE.has(code))?.code;
  return new Fault((known as Fault["code"] | undefined) ?? "policy_denied", said, { details: { reasons } });
}

const DECIDED = {
  denied: "approval_denied",
  expired: "approval_expired",
  revoked: "approval_revoked",
} as const satisfies Partial<Record<ApprovalState["status"], Fault["code"]>>;

/** Asks the owner, once for each thing that would be done, and makes the run wait; or says what became of the question. */
function ask(
  { database, clock, random, config }: JudgeOptions,
  load: EventStore["load"],
  judged: JudgedStep,
  step: StepAction,
  action: PolicyAction,
  decision: PolicyDecision,
): Judgement {
  const { run_id, plan, state } = judged;
  const { step_id } = plan;
  const now_ms = clock.now_ms();
  const pins = pinsOf(action);
  const stop = (code: Fault["code"], why: string): Judgement => {
    const fault = new Fault(code, `step ${step_id} was not done: ${why}`);
    return { kind: "stop", fault, tasks: denial(judged, fault, decision.reasons, now_ms) };
  };
  if (installedManifest(load, state) === null) {
    return stop("manifest_hash_mismatch", "its install has another release now than the one the run is of");
  }
  const earlier = requestOf(database, run_id, step_id, actionHash(action));
  if (earlier?.status === "requested") {
    if (now_ms < earlier.expires_at_ms) return waitFor(earlier.approval_id, earlier.summary, []);
    const { approval_id } = earlier;
    const expiry = task(approvalDecider, approval_id, { type: "expire", now_ms });
    const stopped = stop("approval_expired", `nobody approved ${approval_id} in time`);
    return { ...stopped, tasks: [expiry, ...stopped.tasks] };
  }
  if (earlier?.status === "denied" || earlier?.status === "expired" || earlier?.status === "revoked") {
    const why = earlier.reason ?? "nobody approved it in time";
    return stop(DECIDED[earlier.status], `${earlier.approval_id} was ${earlier.status}: ${why}`);
  }
  const open = countRequested(database, pins.install_id);
  if (open >= LIMITS.approvals_open) return stop("busy", `${open} questions of this install wait already`);
  const approval_id = newId("appr", now_ms, random);
  const title = state.created?.title ?? "";
  const summary = clip(`${title}: ${writeSentence(step, "would write")}.`, 2_000);
  const against = decision.reasons.filter(({ verdict }) => verdict === "require_approval").map(record);
  const request = shown(step.params);
  const expires_at_ms = now_ms + LIMITS.approval_request_ms;
  const asked = { type: "request", pins: { ...pins, principal: config.worker }, summary, request } as const;
  return waitFor(approval_id, summary, [
    task(approvalDecider, approval_id, { ...asked, reasons: against, expires_at_ms }),
  ]);
}

function waitFor(approval_id: string, summary: string, tasks: readonly Task[]): Judgement {
  return { kind: "wait", reason: clip(`waits for approval ${approval_id}: ${summary}`, 500), tasks };
}

/** The parameters as the owner is shown them: credentials left out, long ones cut. */
function shown(params: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const text = redact(JSON.stringify(params));
  if (text.length > LIMITS.approval_request_chars) return { beginning: clip(text, LIMITS.approval_request_chars) };
  try {
    return JSON.parse(text);
  } catch {
    return { text }; // what was left out took a quotation mark along
  }
}
