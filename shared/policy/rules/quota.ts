import type { PolicyRule } from "../rule.ts";

export const quota: PolicyRule = {
  name: "quota",
  says: "No quota is exceeded.",
  judge: (_, { quotas }) =>
    quotas
      .filter(({ used, amount, limit }) => !(used + amount <= limit))
      .map(({ name, used, amount, limit }) => ({
        verdict: "deny",
        code: "quota_exceeded",
        message: `${name}: ${used} of ${limit} are used, and ${amount} more would be too much`,
      })),
};
