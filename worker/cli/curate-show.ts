import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { LIST, listLines } from "./curate-list.ts";
import { moderating, OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["curate", "show"],
  summary: "Show a list of yours as your relays have it",
  arguments: LIST,
  options: { signer: OWNER_SIGNER },
  examples: ["oa curate show top", "oa curate show curators --json"],
  run: async ({ args, options, ...context }) => {
    const { print, progress, signal } = context;
    progress("asking the relays …");
    const found = await moderating(options.signer, context, ({ list }) => list(args.list, signal));
    if (isRejection(found)) return found;
    print(found, () => listLines(found).join("\n"));
    return 0;
  },
});
