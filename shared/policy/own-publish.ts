import { type Rejection, reject } from "../core/refusal.ts";
import type { PolicyAction, PolicyApproval } from "../generated/types.ts";
import type { AupMode } from "./aup/assess.ts";
import { evaluate } from "./evaluate.ts";

/**
 * Whether the worker may sign and publish one event in its owner's or its own name, outside of any run: an external
 * write like any other. `approval_id` names what approves it: the owner's command, or the owner's setting. Null, or a
 * refusal: kill_switch_active, policy_denied, approval_required.
 */
export function refuseOwnPublish(
  kind: number,
  approval_id: string,
  context: { readonly kill_switch: boolean; readonly aup: AupMode; readonly now_ms: number },
): Rejection | null {
  const target = `event:publish:${kind}`;
  const action: PolicyAction = { action_type: "event.publish", op: "nostr.publish", needs: [target] };
  const approval: PolicyApproval = {
    ...{ approval_id, scope: "once", action_type: action.action_type },
    targets: [target],
  };
  const { verdict, reasons } = evaluate(action, {
    ...{ ...context, zone: "supervised", grant: [target], approvals: [approval], quotas: [] },
  });
  if (verdict === "allow") return null;
  const against = reasons.filter((reason) => reason.verdict === verdict);
  const said = `the policy does not let this be published: ${against.map(({ message }) => message).join("; ")}`;
  if (against.some(({ code }) => code === "kill_switch_active")) return reject("kill_switch_active", said, { reasons });
  return reject(verdict === "deny" ? "policy_denied" : "approval_required", said, { reasons });
}
