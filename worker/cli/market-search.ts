import { type Command, defineCommand } from "./command.ts";
import { showListings } from "./listing-rows.ts";
import { MODERATORS_OPTION } from "./moderators-option.ts";

export const command: Command = defineCommand({
  words: ["market", "search"],
  summary: "Search the catalog's titles, summaries and tags",
  arguments: { text: { summary: "What to look for", repeat: true } },
  options: {
    external: { type: "flag", summary: "What other drafts list, in place of upgrades: to look at, never to install" },
    moderators: MODERATORS_OPTION,
    limit: { type: "integer", value: "N", summary: "How many", min: 1, max: 100, default: 50 },
  },
  examples: ["oa market search code index", "oa market search digest --json"],
  run: (context) =>
    showListings(context, {
      ...{ text: context.args.text.join(" "), limit: String(context.options.limit) },
      external: context.options.external ? "1" : undefined,
      moderators: context.options.moderators,
    }),
});
