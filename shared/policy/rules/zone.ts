import type { PolicyZone } from "../../generated/types.ts";
import { ACTIONS, coveringApproval } from "../action.ts";
import type { PolicyRule } from "../rule.ts";

const RANK: Readonly<Record<PolicyZone, number>> = { sandbox: 0, supervised: 1, high_stakes: 2 };

export const zone: PolicyRule = {
  name: "zone",
  says: "Nothing leaves a sandbox; what cannot be undone needs approval, and in the zone high_stakes one for this very run.",
  judge: (action, context) => {
    const known = ACTIONS[action.action_type];
    // An action may ask for less room than its circumstances give, never for more.
    const asked = action.zone ?? context.zone;
    const here = RANK[asked] < RANK[context.zone] ? asked : context.zone;
    if (here === "sandbox") {
      if (known.zone === "sandbox") return [];
      const message = `${action.action_type} belongs into the zone ${known.zone}, and this is a sandbox`;
      return [{ verdict: "deny", code: "action_zone_mismatch", message }];
    }
    if (known.zone !== "high_stakes") return [];
    const approval = coveringApproval(context.approvals, action, context.now_ms);
    if (here === "high_stakes") {
      if (approval?.scope === "once" || approval?.scope === "run") return [];
      const message = `${action.action_type} needs its owner's own approval, for this run, before it is done`;
      return [{ verdict: "require_approval", code: "action_pre_approval_required", message }];
    }
    if (approval !== undefined) return [];
    const message = `${action.action_type} cannot be undone and is for the zone high_stakes, or for an approval`;
    return [{ verdict: "require_approval", code: "action_irreversible_requires_high_stakes", message }];
  },
};
