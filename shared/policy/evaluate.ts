import type { PolicyAction } from "../generated/types.ts";
import type { PolicyContext, PolicyFinding, PolicyRule, PolicyVerdict } from "./rule.ts";
import { POLICY_RULES } from "./rules/index.ts";

/** What one rule said. */
export interface PolicyReason extends PolicyFinding {
  readonly rule: string;
}

export interface PolicyDecision {
  readonly verdict: PolicyVerdict;
  /** Never empty: where no rule has anything to say, `default_allow`. */
  readonly reasons: readonly PolicyReason[];
}

const STRICTNESS: Readonly<Record<PolicyVerdict, number>> = { allow: 0, require_approval: 1, deny: 2 };

/**
 * The policy gate: whether an action may be done in its circumstances, with everything every rule has to say about it.
 * The strictest verdict wins. A rule that throws denies.
 */
export function evaluate(
  action: PolicyAction,
  context: PolicyContext,
  rules: readonly PolicyRule[] = POLICY_RULES,
): PolicyDecision {
  const reasons = rules.flatMap((rule) => speak(rule, action, context));
  if (reasons.length === 0) {
    const message = "no rule has anything against it";
    return { verdict: "allow", reasons: [{ rule: "default", verdict: "allow", code: "default_allow", message }] };
  }
  const verdict = reasons.reduce<PolicyVerdict>(
    (strictest, reason) => (STRICTNESS[reason.verdict] > STRICTNESS[strictest] ? reason.verdict : strictest),
    "allow",
  );
  return { verdict, reasons };
}

function speak(rule: PolicyRule, action: PolicyAction, context: PolicyContext): readonly PolicyReason[] {
  try {
    return rule.judge(action, context).map((finding) => ({ rule: rule.name, ...finding }));
  } catch {
    const message = `the rule ${rule.name} could not judge this, so it is denied`;
    return [{ rule: rule.name, verdict: "deny", code: "policy_rule_failed", message }];
  }
}
