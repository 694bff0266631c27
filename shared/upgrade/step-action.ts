import { sha256Hex } from "../core/hash.ts";
import { canonicalize, type Json } from "../core/json.ts";
import { expandHome, type Permission, parsePermission } from "../core/permission.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { escapeTemplates } from "../core/wiring.ts";
import type { ApprovalPins } from "../generated/types.ts";
import { actionOfStep, declaredPins, isExternalWrite, type StepAction, targetsOf } from "../policy/action.ts";
import { neededBy } from "./inference.ts";
import { opDefinition } from "./op-definition.ts";
import { effectOf } from "./plan.ts";

interface Step {
  readonly step_id: string;
  readonly op: string;
  readonly params: Readonly<Record<string, unknown>>;
}
/** Whose step it is. `principal`, `install_id`, `run_id`: where somebody is about to perform it. */
interface Owner extends Pick<StepAction, "principal" | "install_id" | "run_id" | "manifest_sha256"> {
  readonly home: string;
}

/**
 * A planned step as the policy gate judges it; what is not known yet stays `${…}` in what it needs. Refusals: op_unknown,
 * path_unsafe, host_invalid.
 */
export function plannedAction(step: Step, { home, ...owner }: Owner): StepAction | Rejection {
  const { step_id, op } = step;
  const definition = opDefinition(op);
  if (definition === undefined) return reject("op_unknown", `there is no op ${op}`);
  const params = step.params as Readonly<Record<string, Json>>;
  const needs: Permission[] = [];
  for (const { permission } of neededBy(definition, params)) {
    if (isRejection(permission)) return permission;
    needs.push(permission);
  }
  const effect = effectOf(definition, params);
  const pattern = effect === "external_write" ? { pattern_sha256: sha256Hex(canonicalize(params)) } : {};
  return { ...owner, step_id, op, effect, params, ...pattern, needs: expandHome(needs, home) };
}

/** A planned step with the values it is performed with: text of a value is text, whatever it looks like. */
export function performedAction(
  step: Step,
  values: Readonly<Record<string, unknown>>,
  owner: Owner,
): StepAction | Rejection {
  const escaped = escapeTemplates(values as Json);
  const action = plannedAction({ ...step, params: escaped as Readonly<Record<string, unknown>> }, owner);
  if (isRejection(action) || action.effect !== "external_write") return action;
  return { ...action, params: values, pattern_sha256: sha256Hex(canonicalize(step.params)) };
}

/** What consent to a manifest approves of its steps: exactly the writes to the outside it declares. */
export function declaredWrites(
  steps: readonly Step[],
  owner: Owner,
): readonly { readonly pins: ApprovalPins; readonly sentence: string }[] {
  return steps.flatMap((step) => {
    const planned = plannedAction(step, owner);
    if (isRejection(planned)) return [];
    const pins = declaredPins(planned);
    return pins === null ? [] : [{ pins, sentence: `${writeSentence(planned)} without asking again.` }];
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
    if (!isExternalWrite(actionOfStep(planned))) return [];
    const approved = declaredPins(planned) !== null;
    const { step_id, op } = step;
    const sentence = approved
      ? `${writeSentence(planned)} without asking again.`
      : `Step ${step_id} (${howOf(planned)}) would write where only its run can say: it asks you then.`;
    return [{ step_id, op, approved, sentence }];
  });
}

/** What a step writes outside, or would write, to the end of where; without a full stop. */
export function writeSentence(step: StepAction, verb = "writes"): string {
  const targets = targetsOf(actionOfStep(step));
  const where = targets.length === 0 ? "the outside" : targets.map(nameOf).join(" and ");
  return `Step ${step.step_id} (${howOf(step)}) ${verb} to ${where}`;
}

function howOf(step: StepAction): string {
  const { method } = actionOfStep(step);
  return method === undefined ? step.op : `${step.op} ${method}`;
}

function nameOf(target: Permission): string {
  const { kind, subject } = parsePermission(target) ?? { kind: null, subject: target };
  return kind === "event:publish" ? `Nostr, as events of kind ${subject},` : subject;
}
