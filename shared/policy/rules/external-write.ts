import { coveringApproval, isExternalWrite, targetsOf } from "../action.ts";
import type { PolicyRule } from "../rule.ts";

export const externalWrite: PolicyRule = {
  name: "external_write",
  says: "What is written outside for good needs the owner's approval.",
  judge: (action, { approvals, now_ms }) => {
    if (!isExternalWrite(action)) return [];
    const approval = coveringApproval(approvals, action, now_ms);
    if (approval !== undefined) {
      const message = `${approval.approval_id} approves it`;
      return [{ verdict: "allow", code: "approval_allows_action", message }];
    }
    const targets = targetsOf(action);
    const where = targets.length === 0 ? "" : ` to ${targets.join(", ")}`;
    const message = `${action.action_type}${where} changes something outside and needs approval`;
    return [{ verdict: "require_approval", code: "external_write_requires_approval", message }];
  },
};
