import type { Json } from "../core/json.ts";
import { expandHome, type Permission, parsePermission } from "../core/permission.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { resolvePartly } from "../core/wiring.ts";
import type { PolicyApproval } from "../generated/types.ts";
import { actionOfStep, isExternalWrite, type StepAction, targetsOf, templateApproval } from "../policy/action.ts";
import { neededBy } from "./inference.ts";
import { opDefinition } from "./op-schema.ts";
import { effectOf } from "./plan.ts";

interface Step {
  readonly step_id: string;
  readonly op: string;
  readonly params: Readonly<Record<string, unknown>>;
}
interface Owner {
  readonly manifest_sha256: string;
  readonly home: string;
}

/**
 * A planned step as the policy gate judges it; what is not known yet stays `${…}` in what it needs. Refusals: op_unknown,
 * path_unsafe, host_invalid.
 */
export function plannedAction(step: Step, { manifest_sha256, home }: Owner): StepAction | Rejection {
  const { step_id, op } = step;
  const definition = opDefinition(op);
  if (definition === undefined) return reject("op_unknown", `there is no op ${op}`);
  const params = step.params as Readonly<Record<string, Json>>;
  const needs: Permission[] = [];
  for (const { permission } of neededBy(definition, params)) {
    if (isRejection(permission)) return permission;
    needs.push(permission);
  }
  return { manifest_sha256, step_id, op, effect: effectOf(definition, params), params, needs: expandHome(needs, home) };
}

/** A step with the values it is performed with: text of a value is text, whatever it looks like. */
export function performedAction(step: Step, owner: Owner): StepAction | Rejection {
  const escaped = resolvePartly("${inputs.values}", () => step.params as Json);
  const action = plannedAction({ ...step, params: escaped as Readonly<Record<string, unknown>> }, owner);
  return isRejection(action) ? action : { ...action, params: step.params };
}

/** The approvals that consent to a manifest gave its steps: for exactly the writes to the outside it declares. */
export function templateApprovals(steps: readonly Step[], owner: Owner): readonly PolicyApproval[] {
  return steps.flatMap((step) => {
    const action = plannedAction(step, owner);
    const approval = isRejection(action) ? null : templateApproval(action);
    return approval === null ? [] : [approval];
  });
}

/** A step that may write outside, as consent shows it; `approved`: it does so without asking, once agreed to. */
export interface ExternalWrite {
  readonly step_id: string;
  readonly op: string;
  readonly approved: boolean;
  readonly sentence: string;
}

export function externalWrites(steps: readonly Step[], owner: Owner): readonly ExternalWrite[] {
  return steps.flatMap((step) => {
    const planned = plannedAction(step, owner);
    if (isRejection(planned)) return [];
    const action = actionOfStep(planned);
    if (!isExternalWrite(action)) return [];
    const approved = templateApproval(planned) !== null;
    const { step_id, op } = step;
    const how = action.method === undefined ? op : `${op} ${action.method}`;
    const sentence = approved
      ? `Step ${step_id} (${how}) writes to ${targetsOf(action).map(nameOf).join(" and ")} without asking again.`
      : `Step ${step_id} (${how}) would write where only its run can say: it is stopped there.`;
    return [{ step_id, op, approved, sentence }];
  });
}

function nameOf(target: Permission): string {
  const { kind, subject } = parsePermission(target) ?? { kind: null, subject: target };
  return kind === "event:publish" ? `Nostr, as events of kind ${subject},` : subject;
}
