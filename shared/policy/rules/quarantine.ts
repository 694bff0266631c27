import type { PolicyRule } from "../rule.ts";

export const quarantine: PolicyRule = {
  name: "quarantine",
  says: "An install that is quarantined does nothing until its owner lifts it.",
  judge: (_, { quarantine: reason = null }) => {
    if (reason === null) return [];
    const message = `the install is quarantined: ${reason}`;
    return [{ verdict: "deny", code: "install_quarantined", message }];
  },
};
