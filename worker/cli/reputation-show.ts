import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ListingReputation } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { LISTING_NAME } from "./find-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["reputation", "show"],
  summary: "Show a listing's score, why it is so, and its newest ratings",
  arguments: { listing: { summary: LISTING_NAME } },
  examples: ["oa reputation show naddr1qq…", "oa reputation show 30051:7f3…:openagents.upgrade.nightly-index --json"],
  run: async ({ api, args, print, progress, signal }) => {
    progress("asking the edge …");
    const path = `/v1/reputation/${encodeURIComponent(args.listing)}`;
    const found = await (await api()).get<ListingReputation>(path, signal);
    if (isRejection(found)) return found;
    print(found, () =>
      [...found.explanation, ...found.ratings.slice(0, SHOWN).map(line)].map((text) => plain(text)).join("\n"),
    );
    return 0;
  },
});

const SHOWN = 10;

function line({ stars, class: proof, weight_ppm, review, rules }: ListingReputation["ratings"][number]): string {
  const because = rules.map(({ rule }) => rule).join(", ");
  const weight = `${(weight_ppm / 1_000_000).toFixed(2)}${because === "" ? "" : ` after ${because}`}`;
  return `  ${"*".repeat(stars).padEnd(5)}  ${proof.padEnd(8)}  weighs ${weight}${review === "" ? "" : `  ${review.slice(0, 200)}`}`;
}
