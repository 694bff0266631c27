import type { CapabilityView } from "@oa/shared/capability/views.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { table } from "./table.ts";
import { scopeLine } from "./token-scope.ts";

export const command: Command = defineCommand({
  words: ["token", "list"],
  summary: "List the tokens that were made, and what each opens",
  examples: ["oa token list", "oa token list --json"],
  run: async ({ api, print }) => {
    const answer = await (await api()).get<{ readonly tokens: readonly CapabilityView[] }>("/v1/tokens");
    if (isRejection(answer)) return answer;
    const rows = answer.tokens.map((one) => [
      one.capability_id,
      one.label,
      one.principal ?? "",
      one.status,
      one.expires_at_ms === 0 ? "" : new Date(one.expires_at_ms).toISOString(),
      one.parent_id ?? "",
      scopeLine(one),
    ]);
    print(answer, () =>
      rows.length === 0
        ? "No token was made. `oa token mint` makes one."
        : table(["TOKEN", "LABEL", "ACTS AS", "STATUS", "UNTIL", "MADE OF", "ALLOWS"], rows),
    );
    return 0;
  },
});
