import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationCasePage } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { table } from "./table.ts";

export const command: Command = defineCommand({
  words: ["moderate", "cases"],
  summary: "List what waits for curators: appeals and holds first, then reports by who made them, not by how many",
  options: { cursor: { type: "text", value: "TEXT", summary: "Go on from an earlier page's next_cursor" } },
  examples: ["oa moderate cases", "oa moderate cases --json"],
  run: async ({ api, options, print, progress, signal }) => {
    progress("asking the edge …");
    const query = options.cursor === undefined ? "" : `?cursor=${encodeURIComponent(options.cursor)}`;
    const page = await (await api()).get<ModerationCasePage>(`/v1/moderation/cases${query}`, signal);
    if (isRejection(page)) return page;
    print(page, () =>
      page.cases.length === 0
        ? "Nothing was reported."
        : table(
            ["CASE", "STATUS", "WEIGHT", "REPORTS", "ABOUT"],
            page.cases.map(({ case_id, status, weight, reports_total, target }) => [
              ...[case_id, status, String(weight), String(reports_total), target.value],
            ]),
          ),
    );
    return 0;
  },
});
