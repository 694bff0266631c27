import { permits } from "../../core/permission.ts";
import { needsOf } from "../action.ts";
import type { PolicyRule } from "../rule.ts";

export const grant: PolicyRule = {
  name: "grant",
  says: "Whatever an action needs must have been granted.",
  judge: (action, context) => {
    const granted = context.grant;
    if (granted === null) return [];
    return needsOf(action)
      .filter((need) => !permits(granted, need))
      .map((need) => ({ verdict: "deny", code: "not_permitted", message: `${need} is not granted` }));
  },
};
