import { type Permission, parsePermission, sortPermissions } from "../core/permission.ts";
import type { PolicyAction, PolicyActionType, PolicyApproval, PolicyZone } from "../generated/types.ts";

/** What is known of a kind of action, whoever does it. */
export interface ActionClass {
  /** Can be undone by whoever did it. */
  readonly reversible: boolean;
  /** Reaches outside this machine. */
  readonly external: boolean;
  /** The least zone it may be done in without being asked about. */
  readonly zone: PolicyZone;
}

const LOCAL: ActionClass = { reversible: true, external: false, zone: "sandbox" };
const WITHIN: ActionClass = { reversible: true, external: false, zone: "supervised" };
const OUTSIDE_FOR_GOOD: ActionClass = { reversible: false, external: true, zone: "high_stakes" };

/** The action registry: what is not in it cannot be asked for. */
export const ACTIONS: Readonly<Record<PolicyActionType, ActionClass>> = {
  "file.read": LOCAL,
  "artifact.create": LOCAL,
  "artifact.update": LOCAL,
  "model.generate": LOCAL,
  "file.write": WITHIN,
  "program.start": WITHIN,
  "upgrade.install": WITHIN,
  "api.call.idempotent": { reversible: true, external: true, zone: "supervised" },
  "api.call.mutating": OUTSIDE_FOR_GOOD,
  "event.publish": OUTSIDE_FOR_GOOD,
  "external.write": OUTSIDE_FOR_GOOD,
  "email.send": OUTSIDE_FOR_GOOD,
  "payment.execute": OUTSIDE_FOR_GOOD,
};

/** Whether it changes something outside that cannot be taken back. */
export function isExternalWrite({ action_type }: Pick<PolicyAction, "action_type">): boolean {
  const { external, reversible } = ACTIONS[action_type];
  return external && !reversible;
}

/** Everything it needs, its host included. */
export function needsOf({ needs = [], host }: PolicyAction): readonly Permission[] {
  return sortPermissions([...needs, ...(host === undefined ? [] : [`network:egress:${host.toLowerCase()}`])]);
}

const OUTWARD: ReadonlySet<string> = new Set(["network:egress", "event:publish", "wallet:spend"]);

/** Where it reaches outside. */
export function targetsOf(action: PolicyAction): readonly Permission[] {
  return needsOf(action).filter((need) => OUTWARD.has(parsePermission(need)?.kind ?? "network:egress"));
}

/** A step of an upgrade about to be performed, or as it was planned. */
export interface StepAction {
  readonly manifest_sha256: string;
  readonly step_id: string;
  readonly op: string;
  readonly effect: "read" | "local_write" | "external_write";
  readonly params: Readonly<Record<string, unknown>>;
  /** The least permissions it needs. */
  readonly needs: readonly Permission[];
}

/** A step as an action. */
export function actionOfStep({ effect, ...step }: StepAction): PolicyAction {
  const method = step.params.method;
  const named = typeof method === "string" ? { method } : {};
  return { action_type: typeOf(step.op, effect, step.needs), ...named, ...step };
}

function typeOf(op: string, effect: StepAction["effect"], needs: readonly Permission[]): PolicyActionType {
  if (effect === "local_write") return "file.write";
  if (effect === "read") {
    return needs.some((need) => need.startsWith("network:egress:")) ? "api.call.idempotent" : "file.read";
  }
  if (op === "http.request") return "api.call.mutating";
  return op === "nostr.publish" ? "event.publish" : "external.write";
}

/**
 * The approval that consent to an install gives a step: exactly this step of exactly this manifest, to exactly the
 * targets it declares. Null where a target is known only once the step runs, and for what needs no approval.
 */
export function templateApproval(step: StepAction): PolicyApproval | null {
  const action = actionOfStep(step);
  if (!isExternalWrite(action)) return null;
  const targets = targetsOf(action);
  const isKnown = targets.length > 0 && !targets.some((target) => target.includes("${"));
  const { method = null } = action;
  if (!isKnown || method?.includes("${")) return null;
  return {
    approval_id: `template/${step.manifest_sha256}/${step.step_id}`,
    scope: "template",
    manifest_sha256: step.manifest_sha256,
    step_id: step.step_id,
    op: step.op,
    action_type: action.action_type,
    method,
    targets,
  };
}

/** Whether the approval covers the action at that time; a template that leaves anything open covers nothing. */
export function covers(approval: PolicyApproval, action: PolicyAction, now_ms: number): boolean {
  const { scope, manifest_sha256, step_id, op, action_type, method, targets, expires_at } = approval;
  if (expires_at !== undefined && now_ms >= expires_at * 1_000) return false;
  const pins = [manifest_sha256, step_id, op, action_type, method, targets];
  if (scope === "template" && pins.includes(undefined)) return false;
  if (pins.every((pin) => pin === undefined)) return false;
  return (
    (manifest_sha256 ?? action.manifest_sha256) === action.manifest_sha256 &&
    (step_id ?? action.step_id) === action.step_id &&
    (op ?? action.op) === action.op &&
    (action_type ?? action.action_type) === action.action_type &&
    (method === undefined || method === (action.method ?? null)) &&
    (targets === undefined || sortPermissions(targets).join("\n") === targetsOf(action).join("\n"))
  );
}
