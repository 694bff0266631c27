import { isExternalWrite } from "../action.ts";
import type { PolicyRule } from "../rule.ts";

export const killSwitch: PolicyRule = {
  name: "kill_switch",
  says: "While the kill switch is on, nothing outside is written, whatever was approved.",
  judge: (action, { kill_switch }) => {
    if (!kill_switch || !isExternalWrite(action)) return [];
    const message = `the kill switch is on: ${action.action_type} is denied, whatever was approved`;
    return [{ verdict: "deny", code: "kill_switch_active", message }];
  },
};
