import { type Command, defineCommand } from "./command.ts";
import { showListings } from "./listing-rows.ts";
import { MODERATORS_OPTION } from "./moderators-option.ts";

const SORTS = ["newest", "rating", "price", "title"] as const;

export const command: Command = defineCommand({
  words: ["market", "list"],
  summary: "List upgrades in the catalog",
  options: {
    backend: { type: "text", value: "NAME", summary: "Only what runs on this model backend" },
    category: { type: "text", value: "NAME", summary: "Only this category" },
    tag: { type: "text", value: "NAME", summary: "Only with this tag" },
    author: { type: "text", value: "KEY", summary: "Only by this author (hex or npub)" },
    price: { type: "text", value: "PRICE", summary: "free, paid, or the most it may cost in sats" },
    external: { type: "flag", summary: "What other drafts list, in place of upgrades: to look at, never to install" },
    sort: {
      type: "text",
      value: "ORDER",
      summary: "rating goes by the lower end of the score's interval",
      choices: SORTS,
      default: "newest",
    },
    moderators: MODERATORS_OPTION,
    limit: { type: "integer", value: "N", summary: "How many", min: 1, max: 100, default: 50 },
    cursor: { type: "text", value: "TEXT", summary: "Go on from an earlier page's next_cursor" },
  },
  examples: [
    "oa market list",
    "oa market list --category developer-tools --price free --json",
    "oa market list --moderators npub1…,npub1…",
  ],
  run: (context) => {
    const { backend, category, tag, author, price, moderators, limit, cursor } = context.options;
    const sort = SORTS.find((name) => name === context.options.sort);
    const external = context.options.external ? "1" : undefined;
    return showListings(context, {
      ...{ backend, category, tag, author, price, sort, external, moderators, limit: String(limit), cursor },
    });
  },
});
