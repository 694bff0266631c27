import type { OwnListView } from "@oa/shared/api/moderation.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { LIST, listLines } from "./curate-list.ts";

export const command: Command = defineCommand({
  words: ["curate", "show"],
  summary: "Show a list of yours as your relays have it",
  arguments: LIST,
  examples: ["oa curate show top", "oa curate show curators --json"],
  run: async ({ api, args, print, progress, signal }) => {
    progress("asking the relays …");
    const found = await (await api()).get<OwnListView>(`/v1/moderation/lists/${encodeURIComponent(args.list)}`, signal);
    if (isRejection(found)) return found;
    print(found, () => listLines(found).join("\n"));
    return 0;
  },
});
