import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { FULL_OPTION, targetText } from "./key-text.ts";
import { moderating, OWNER_SIGNER } from "./own-moderation.ts";
import { table } from "./table.ts";

export const command: Command = defineCommand({
  words: ["moderate", "cases"],
  summary: "List what waits for curators: appeals and holds first, then reports by who made them, not by how many",
  options: {
    full: FULL_OPTION,
    cursor: { type: "text", value: "TEXT", summary: "Go on from an earlier page's next_cursor" },
    signer: OWNER_SIGNER,
  },
  examples: ["oa moderate cases", "oa moderate cases --json"],
  run: async ({ options, ...context }) => {
    const { print, progress, signal } = context;
    progress("asking the edge …");
    const page = await moderating(options.signer, context, ({ cases }) => cases(options.cursor ?? null, signal));
    if (isRejection(page)) return page;
    print(page, () =>
      page.cases.length === 0
        ? "Nothing was reported."
        : table(
            ["CASE", "STATUS", "WEIGHT", "REPORTS", "ABOUT"],
            page.cases.map(({ case_id, status, weight, reports_total, target }) => [
              ...[case_id, status, String(weight), String(reports_total), targetText(target, { full: options.full })],
            ]),
          ),
    );
    return 0;
  },
});
