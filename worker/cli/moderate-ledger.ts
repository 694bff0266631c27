import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationLedger, ModerationRoles } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { curatorNames, FULL_OPTION, keyRows, targetText } from "./key-text.ts";
import { entryLines, keysIn } from "./moderate-lines.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["moderate", "ledger"],
  summary: "Show what the edge's curators decided: who, why, until when, and what became of it; for everybody",
  options: {
    full: FULL_OPTION,
    cursor: { type: "text", value: "TEXT", summary: "Go on from an earlier page's next_cursor" },
  },
  examples: ["oa moderate ledger", "oa moderate ledger --full", "oa moderate ledger --json"],
  run: async ({ api, options, print, progress, signal }) => {
    progress("asking the edge …");
    const query = options.cursor === undefined ? "" : `?cursor=${encodeURIComponent(options.cursor)}`;
    const { get } = await api();
    const ledger = await get<ModerationLedger>(`/v1/moderation/ledger${query}`, signal);
    if (isRejection(ledger)) return ledger;
    // Without them, the keys are shown: that is no reason to show no ledger.
    const roles = await get<ModerationRoles>("/v1/moderation/roles", signal);
    const names = curatorNames(isRejection(roles) ? null : roles);
    const style = { full: options.full, names };
    print({ ...ledger, keys: keyRows(keysIn(ledger.entries), names) }, () =>
      ledger.entries.length === 0
        ? "No curator of this edge has held, labelled or taken anything down."
        : ledger.entries
            .flatMap((entry) => [plain(targetText(entry.decision.target, style)), ...entryLines(entry, style)])
            .join("\n"),
    );
    return 0;
  },
});
