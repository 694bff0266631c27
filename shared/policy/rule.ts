import type { ReasonCode } from "../core/reasons.ts";
import type { PolicyAction, PolicyApproval, PolicyQuota, PolicyZone, UpgradeManifest } from "../generated/types.ts";
import type { AupMode, AupReason } from "./aup/assess.ts";

export type PolicyVerdict = "allow" | "require_approval" | "deny";

/** Stable codes: those of refusals, and the two that say why something is allowed. */
export type PolicyCode = ReasonCode | AupReason["code"] | "default_allow" | "approval_allows_action";

/** What a rule has to say. Nothing at all means that it has no objection. */
export interface PolicyFinding {
  readonly verdict: PolicyVerdict;
  readonly code: PolicyCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The circumstances of an action: from the worker's settings, the install's grant and the owner's decisions. */
export interface PolicyContext {
  readonly now_ms: number;
  readonly kill_switch: boolean;
  readonly aup: AupMode;
  readonly zone: PolicyZone;
  /** What is granted; null only where nobody is about to act and grants are not asked about. */
  readonly grant: readonly string[] | null;
  readonly approvals: readonly PolicyApproval[];
  readonly quotas: readonly PolicyQuota[];
  /** Why the install it belongs to is quarantined; null or absent: it is not. */
  readonly quarantine?: string | null;
  /** Where the action is to install it. */
  readonly manifest?: UpgradeManifest;
  /** Of the install of that manifest; its own defaults where absent. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** What a model of the owner's found in the same texts; it can only make the verdict stricter. */
  readonly found?: readonly AupReason[];
}

export interface PolicyRule {
  readonly name: string;
  /** One sentence for people. */
  readonly says: string;
  readonly judge: (action: PolicyAction, context: PolicyContext) => readonly PolicyFinding[];
}
