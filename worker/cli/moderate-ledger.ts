import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationLedger } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { entryLines } from "./moderate-lines.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["moderate", "ledger"],
  summary: "Show what the edge's curators decided: who, why, until when, and what became of it; for everybody",
  options: { cursor: { type: "text", value: "TEXT", summary: "Go on from an earlier page's next_cursor" } },
  examples: ["oa moderate ledger", "oa moderate ledger --json"],
  run: async ({ api, options, print, progress, signal }) => {
    progress("asking the edge …");
    const query = options.cursor === undefined ? "" : `?cursor=${encodeURIComponent(options.cursor)}`;
    const ledger = await (await api()).get<ModerationLedger>(`/v1/moderation/ledger${query}`, signal);
    if (isRejection(ledger)) return ledger;
    print(ledger, () =>
      ledger.entries.length === 0
        ? "No curator of this edge has held, labelled or taken anything down."
        : ledger.entries.flatMap((entry) => [plain(entry.decision.target.value), ...entryLines(entry)]).join("\n"),
    );
    return 0;
  },
});
