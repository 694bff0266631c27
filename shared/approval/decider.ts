import type { Decider } from "../core/decider.ts";
import { DAY_MS } from "../core/durations.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type {
  ApprovalApproved,
  ApprovalConsumed,
  ApprovalEvent,
  ApprovalPins,
  ApprovalRequested,
  ApprovalScope,
  PolicyAction,
  PolicyApproval,
} from "../generated/types.ts";
import { actionHash, approvalOf, covers, satsOf } from "../policy/action.ts";

export type ApprovalStatus = "none" | "requested" | "approved" | "denied" | "expired" | "revoked" | "consumed";

/** One approval, folded from its events. Times are Unix milliseconds. */
export interface ApprovalState {
  readonly status: ApprovalStatus;
  readonly pins: ApprovalPins | null;
  readonly scope: ApprovalScope;
  /** Until it is approved, when nobody can approve it any longer; then, when it approves nothing any longer. */
  readonly expires_at_ms: number;
  /** Null: once in all. */
  readonly uses_per_day: number | null;
  /** What it was used for within a day before its latest use. */
  readonly uses: readonly { readonly use: string; readonly action_sha256: string; readonly at_ms: number }[];
  /** Why it was denied or revoked. */
  readonly reason: string | null;
}

export type ApprovalCommand =
  | ({ readonly type: "request" } & ApprovalRequested["data"])
  /** Asked for and given at once: what consent to an install approves. */
  | ({ readonly type: "grant"; readonly approved: ApprovalApproved["data"] } & ApprovalRequested["data"])
  | {
      readonly type: "approve";
      readonly scope: ApprovalScope;
      readonly expires_at_ms: number;
      /** Of scopes wider than `once`. */
      readonly uses_per_day: number;
      /** Of the action the owner was shown; null: they did not say. */
      readonly action_sha256: string | null;
      readonly now_ms: number;
    }
  | { readonly type: "deny" | "revoke"; readonly reason: string }
  /** Does nothing before its time. */
  | { readonly type: "expire"; readonly now_ms: number }
  /** `manifest_sha256`: of the install as it is now. */
  | {
      readonly type: "consume";
      readonly action: PolicyAction;
      readonly manifest_sha256: string | null;
      readonly use: string;
      readonly now_ms: number;
    };

/**
 * The rules of an approval: requested, then approved, denied, expired or revoked; approved ones are consumed, those of
 * the scope `once` by one use. Refusals: approval_used, approval_missing, approval_denied, approval_expired,
 * approval_revoked, approval_mismatch, quota_exceeded.
 */
export const approvalDecider: Decider<ApprovalState, ApprovalEvent, ApprovalCommand> = {
  initial: {
    status: "none",
    pins: null,
    scope: "once",
    expires_at_ms: 0,
    uses_per_day: null,
    uses: [],
    reason: null,
  },
  evolve,
  decide,
};

function evolve(state: ApprovalState, event: ApprovalEvent): ApprovalState {
  switch (event.event_type) {
    case "approval.requested": {
      const { pins, expires_at_ms } = event.data;
      return { ...state, status: "requested", pins, expires_at_ms };
    }
    case "approval.approved": {
      const { scope, expires_at_ms, uses_per_day } = event.data;
      return { ...state, status: "approved", scope, expires_at_ms, uses_per_day };
    }
    case "approval.denied":
      return { ...state, status: "denied", reason: event.data.reason };
    case "approval.expired":
      return { ...state, status: "expired" };
    case "approval.revoked":
      return { ...state, status: "revoked", reason: event.data.reason };
    case "approval.consumed": {
      const { use, action_sha256, at_ms } = event.data;
      const recent = state.uses.filter((earlier) => earlier.at_ms > at_ms - DAY_MS);
      const status = state.scope === "once" ? "consumed" : state.status;
      return { ...state, status, uses: [...recent, { use, action_sha256, at_ms }] };
    }
    default:
      return assertNever(event);
  }
}

function decide(state: ApprovalState, command: ApprovalCommand): readonly ApprovalEvent[] | Rejection {
  const { status } = state;
  switch (command.type) {
    case "request":
    case "grant": {
      if (status !== "none") return reject("approval_used", "this approval exists already");
      const { type: _, ...asked } = command;
      if (!("approved" in asked)) return [{ event_type: "approval.requested", data: asked }];
      const { approved, ...data } = asked;
      return [
        { event_type: "approval.requested", data },
        { event_type: "approval.approved", data: approved },
      ];
    }
    case "approve":
      return approve(state, command);
    case "deny":
      if (status === "denied") return [];
      if (status !== "requested") return refuse(state, "only what still waits can be denied; revoke it instead");
      return [{ event_type: "approval.denied", data: { reason: command.reason } }];
    case "revoke":
      if (status === "revoked") return [];
      if (status !== "requested" && status !== "approved") return refuse(state, "there is nothing left to revoke");
      return [{ event_type: "approval.revoked", data: { reason: command.reason } }];
    case "expire": {
      const over = (status === "requested" || status === "approved") && command.now_ms >= state.expires_at_ms;
      return over ? [{ event_type: "approval.expired", data: { at_ms: command.now_ms } }] : [];
    }
    case "consume":
      return consume(state, command);
    default:
      return assertNever(command);
  }
}

function approve(
  state: ApprovalState,
  command: Extract<ApprovalCommand, { type: "approve" }>,
): readonly ApprovalEvent[] | Rejection {
  const { status, pins } = state;
  if (status !== "requested" || pins === null) return refuse(state, "only what still waits can be approved");
  const { scope, now_ms, action_sha256, uses_per_day } = command;
  if (now_ms >= state.expires_at_ms) {
    return reject("approval_expired", `nobody approved it by ${new Date(state.expires_at_ms).toISOString()}`);
  }
  if (action_sha256 !== null && action_sha256 !== pins.action_sha256) {
    return reject("approval_mismatch", "what waits is not what was shown; look at it again");
  }
  if (scope === "room" && pins.room_id === null) {
    return reject("approval_mismatch", "it belongs to no room, so it cannot be approved for one");
  }
  const expires_at_ms = Math.min(command.expires_at_ms, now_ms + LIMITS.approval_ms);
  const often = scope === "once" ? null : uses_per_day;
  return [{ event_type: "approval.approved", data: { by: "owner", scope, expires_at_ms, uses_per_day: often } }];
}

function consume(
  state: ApprovalState,
  command: Extract<ApprovalCommand, { type: "consume" }>,
): readonly ApprovalEvent[] | Rejection {
  const { pins, scope, uses, uses_per_day } = state;
  const { action, use, now_ms, manifest_sha256 } = command;
  const action_sha256 = actionHash(action);
  const again = uses.some((earlier) => earlier.use === use && earlier.action_sha256 === action_sha256);
  const usable = state.status === "approved" || (state.status === "consumed" && again);
  if (!usable || pins === null) return refuse(state, "it does not approve anything now");
  if (now_ms >= state.expires_at_ms) {
    return reject("approval_expired", `the approval ended at ${new Date(state.expires_at_ms).toISOString()}`);
  }
  if (manifest_sha256 !== pins.manifest_sha256) {
    return reject("approval_mismatch", "the install has another manifest now than the one that was approved");
  }
  if (!covers(approvalOf("", scope, pins, state.expires_at_ms), action, now_ms)) {
    return reject("approval_mismatch", "what is about to be done is not what was approved");
  }
  if (again) return [];
  const recent = uses.filter(({ at_ms }) => at_ms > now_ms - DAY_MS).length;
  if (uses_per_day !== null && recent >= uses_per_day) {
    return reject("quota_exceeded", `the approval may be used ${uses_per_day} times a day, and was`);
  }
  const { install_id, step_id } = pins;
  const sats = satsOf(action);
  const data: ApprovalConsumed["data"] = {
    ...{ install_id, run_id: action.run_id ?? pins.run_id ?? "", step_id: action.step_id ?? step_id },
    ...{ action_sha256, use, at_ms: now_ms },
    ...(sats === 0 ? {} : { sats }),
  };
  return [{ event_type: "approval.consumed", data }];
}

/** Why an approval that is not what was hoped for says no. */
function refuse({ status, reason }: ApprovalState, hint: string): Rejection {
  switch (status) {
    case "none":
      return reject("approval_missing", "there is no such approval");
    case "requested":
      return reject("approval_missing", `the approval still waits for its owner: ${hint}`);
    case "approved":
      return reject("approval_used", `it is approved already: ${hint}`);
    case "consumed":
      return reject("approval_used", "the approval has been used; it was for once");
    case "denied":
      return reject("approval_denied", `its owner said no: ${reason ?? "no reason given"}`);
    case "expired":
      return reject("approval_expired", "the approval expired");
    case "revoked":
      return reject("approval_revoked", `the approval was revoked: ${reason ?? "no reason given"}`);
    default:
      return assertNever(status);
  }
}

/** The approval as the policy gate weighs it; null while it approves nothing. */
export function inForce(
  approval_id: string,
  { status, scope, pins, expires_at_ms }: ApprovalState,
): PolicyApproval | null {
  const counts = status === "approved" || status === "consumed";
  return counts && pins !== null ? approvalOf(approval_id, scope, pins, expires_at_ms) : null;
}
