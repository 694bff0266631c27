import type { CapabilityView } from "@oa/shared/capability/views.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["token", "revoke"],
  summary: "Take a token back, and every one that was made of it",
  arguments: { token: { summary: "The token's id, from oa token list" } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa token revoke cap_9f…"],
  run: async ({ api, args, options, print }) => {
    const path = `/v1/tokens/${encodeURIComponent(args.token)}/revoke`;
    const { reason } = options;
    const token = await (await api()).post<CapabilityView>(path, reason === undefined ? {} : { reason });
    if (isRejection(token)) return token;
    print(token, () => plain(`${token.label} (${token.capability_id}) opens nothing any longer.`));
    return 0;
  },
});
