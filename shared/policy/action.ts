import { sha256Hex } from "../core/hash.ts";
import { canonicalize } from "../core/json.ts";
import { type Permission, parsePermission, sortPermissions } from "../core/permission.ts";
import { assertNever } from "../core/refusal.ts";
import type {
  ApprovalPins,
  ApprovalScope,
  PolicyAction,
  PolicyActionType,
  PolicyApproval,
  PolicyZone,
} from "../generated/types.ts";

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
  // Another can be put in its place, but what was public was read and copied.
  "site.publish": OUTSIDE_FOR_GOOD,
  "external.write": OUTSIDE_FOR_GOOD,
  "email.send": OUTSIDE_FOR_GOOD,
  "payment.execute": OUTSIDE_FOR_GOOD,
};

/** Whether it changes something outside that cannot be taken back. */
export function isExternalWrite({ action_type }: Pick<PolicyAction, "action_type">): boolean {
  const { external, reversible } = ACTIONS[action_type];
  return external && !reversible;
}

/** Everything it needs, its host and what it spends included. */
export function needsOf({ needs = [], host, sats = 0 }: PolicyAction): readonly Permission[] {
  const spends = sats === 0 || needs.some(isSpend) ? [] : [`wallet:spend:${sats}/run`];
  return sortPermissions([
    ...needs,
    ...(host === undefined ? [] : [`network:egress:${host.toLowerCase()}`]),
    ...spends,
  ]);
}

/** The sats that it would spend: what it says, and no less than what it needs; what only the run can say does not count. */
export function satsOf({ needs = [], sats = 0 }: Pick<PolicyAction, "needs" | "sats">): number {
  const needed = needs.map((need) => Number(/^wallet:spend:(\d+)\//.exec(need)?.[1] ?? 0));
  return Math.max(
    sats,
    needed.reduce((sum, one) => sum + one, 0),
  );
}

function isSpend(need: Permission): boolean {
  return need.startsWith("wallet:spend:");
}

const OUTWARD: ReadonlySet<string> = new Set(["network:egress", "event:publish", "wallet:spend"]);

/** Where it reaches outside. */
export function targetsOf(action: PolicyAction): readonly Permission[] {
  return needsOf(action).filter((need) => OUTWARD.has(parsePermission(need)?.kind ?? "network:egress"));
}

/** A step of an upgrade about to be performed, or as it was planned. */
export interface StepAction {
  /** Who would do it; absent where nobody is about to. */
  readonly principal?: string;
  readonly install_id?: string;
  readonly run_id?: string;
  readonly manifest_sha256: string;
  readonly step_id: string;
  readonly op: string;
  readonly effect: "read" | "local_write" | "external_write";
  readonly params: Readonly<Record<string, unknown>>;
  /** Of the parameters as the manifest wires them; of steps that write outside. */
  readonly pattern_sha256?: string;
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
  if (needs.some(isSpend)) return "payment.execute";
  if (needs.includes("process:spawn") && effect !== "external_write") return "program.start";
  if (effect === "local_write") return "file.write";
  if (effect === "read") {
    return needs.some((need) => need.startsWith("network:egress:")) ? "api.call.idempotent" : "file.read";
  }
  if (op === "http.request") return "api.call.mutating";
  return op === "nostr.publish" ? "event.publish" : "external.write";
}

/**
 * The canonical hash of an action (SHA-256 over RFC 8785): who does it, for which install, as which step of which
 * manifest, with which arguments, to which targets. Not the run: that is pinned beside it.
 */
export function actionHash(action: PolicyAction): string {
  if (action.action_sha256 !== undefined) return action.action_sha256;
  const {
    action_type,
    principal = null,
    install_id = null,
    manifest_sha256 = null,
    step_id = null,
    op = null,
  } = action;
  const { method = null, params = {}, text = null } = action;
  const who = { principal, install_id, manifest_sha256, step_id };
  return sha256Hex(canonicalize({ ...who, action_type, op, method, params, text, targets: targetsOf(action) }));
}

/** Everything an approval of a step's action can be held to. */
export function pinsOf(action: PolicyAction): ApprovalPins {
  const { principal = "", install_id = "", manifest_sha256 = "", step_id = "", op = "", pattern_sha256 = "" } = action;
  const { run_id = null, room_id = null, method = null, action_type } = action;
  const place = { principal, install_id, manifest_sha256, run_id, room_id, step_id };
  const targets = targetsOf(action);
  return { ...place, op, action_type, method, targets, pattern_sha256, action_sha256: actionHash(action) };
}

/**
 * What consent to an install approves of a step: exactly this step of exactly this manifest, wired as it is, to exactly
 * the targets it declares. Null where a target is known only once the step runs, and for what needs no approval.
 */
export function declaredPins(step: StepAction): ApprovalPins | null {
  const action = actionOfStep(step);
  if (!isExternalWrite(action)) return null;
  const targets = targetsOf(action);
  const isKnown = targets.length > 0 && !targets.some((target) => target.includes("${"));
  if (!isKnown || action.method?.includes("${")) return null;
  return { ...pinsOf(action), run_id: null, action_sha256: null };
}

/** What an approval of a scope is held to: the wider the scope, the fewer of the pins. */
export function approvalOf(
  approval_id: string,
  scope: ApprovalScope,
  pins: ApprovalPins,
  expires_at_ms: number,
): PolicyApproval {
  const { principal, install_id, manifest_sha256, op, action_type, method, targets } = pins;
  const { run_id, room_id, step_id, pattern_sha256, action_sha256 } = pins;
  const common = { principal, install_id, manifest_sha256, op, action_type, method, targets };
  const approval = { approval_id, scope, ...common, expires_at: Math.floor(expires_at_ms / 1_000) };
  switch (scope) {
    case "once":
      return {
        ...approval,
        ...{ step_id, pattern_sha256, action_sha256: action_sha256 ?? UNKNOWN },
        run_id: run_id ?? UNKNOWN,
      };
    case "run":
      return { ...approval, run_id: run_id ?? UNKNOWN };
    case "room":
      return { ...approval, room_id: room_id ?? UNKNOWN };
    case "workspace":
      return approval;
    case "template":
      return { ...approval, step_id, pattern_sha256 };
    default:
      return assertNever(scope);
  }
}

/** Is no id and no hash: a scope whose place is not known covers nothing. */
const UNKNOWN = "unknown";

const PINNED = [
  ...(["principal", "install_id", "run_id", "room_id", "manifest_sha256"] as const),
  ...(["pattern_sha256", "step_id", "op", "action_type"] as const),
];
const TEMPLATE_PINS = [
  "manifest_sha256",
  "pattern_sha256",
  "step_id",
  "op",
  "action_type",
  "method",
  "targets",
] as const;

/**
 * Whether the approval covers the action at that time: it agrees with every field that the approval has. One that is
 * held to nothing, and a template that leaves anything open, cover nothing.
 */
export function covers(approval: PolicyApproval, action: PolicyAction, now_ms: number): boolean {
  const { scope, method, targets, action_sha256, expires_at } = approval;
  if (expires_at !== undefined && now_ms >= expires_at * 1_000) return false;
  if (scope === "template" && TEMPLATE_PINS.some((pin) => approval[pin] === undefined)) return false;
  const pins = [...PINNED.map((pin) => approval[pin]), method, targets, action_sha256];
  if (pins.every((pin) => pin === undefined)) return false;
  return (
    PINNED.every((pin) => approval[pin] === undefined || approval[pin] === action[pin]) &&
    (method === undefined || method === (action.method ?? null)) &&
    (targets === undefined || sortPermissions(targets).join("\n") === targetsOf(action).join("\n")) &&
    (action_sha256 === undefined || action_sha256 === actionHash(action))
  );
}

const WIDTH: Readonly<Record<ApprovalScope, number>> = { once: 0, run: 1, room: 2, template: 3, workspace: 4 };

/** The narrowest of the approvals that cover the action, so that wider ones are not used up for it. */
export function coveringApproval(
  approvals: readonly PolicyApproval[],
  action: PolicyAction,
  now_ms: number,
): PolicyApproval | undefined {
  return approvals
    .filter((approval) => covers(approval, action, now_ms))
    .sort((a, b) => WIDTH[a.scope] - WIDTH[b.scope])[0];
}
