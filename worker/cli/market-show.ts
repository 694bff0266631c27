import { priceInWords } from "@oa/shared/core/price-words.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail } from "@oa/shared/generated/types.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { tagValue } from "@oa/shared/nostr/kinds.ts";
import { type Command, defineCommand } from "./command.ts";
import { LISTING_NAME } from "./find-install.ts";
import { keyText } from "./key-text.ts";
import { ratingText } from "./listing-rows.ts";
import { MODERATORS_OPTION, moderatorsIn } from "./moderators-option.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["market", "show"],
  summary: "Show one listing of the catalog, with its signed events in --json",
  arguments: { address: { summary: LISTING_NAME } },
  options: { moderators: MODERATORS_OPTION },
  examples: ["oa market show naddr1qq…", "oa market show 30051:7f3…:openagents.upgrade.nightly-index --json"],
  run: async ({ api, args, options, print, progress, signal }) => {
    const moderators = moderatorsIn(options.moderators);
    if (isRejection(moderators)) return moderators;
    progress("asking the catalog …");
    const query = moderators === undefined ? "" : `?moderators=${moderators}`;
    const path = `/v1/market/listings/${encodeURIComponent(args.address)}${query}`;
    const detail = await (await api()).get<CatalogDetail>(path, signal);
    if (isRejection(detail)) return detail;
    print(detail, () => describe(detail));
    return 0;
  },
});

function describe({ listing, release_events, older_release_events = [] }: CatalogDetail): string {
  const released = [...release_events, ...older_release_events].some(
    (event) => tagValue(event, "version") === listing.version,
  );
  const rows: readonly (readonly [string, string])[] = [
    ["summary", listing.summary],
    ["author", listing.author_name === undefined ? listing.npub : `${listing.author_name} (${listing.npub})`],
    ["price", priceInWords(listing.pricing)],
    ["license", listing.license],
    ["runs on", [...listing.platforms, ...listing.backends].join(", ")],
    ["tags", [...listing.categories, ...listing.tags].join(", ")],
    ["rating", ratingText(listing.reputation)],
    ["releases", listing.releases.map(({ version, channel }) => `${version} (${channel})`).join(", ")],
    ["manifest", listing.manifest_sha256],
    ["address", listing.address],
  ];
  return [
    `${listing.title} ${listing.version}`,
    ...(listing.moderation?.featured === true ? ["  recommended by a curator"] : []),
    ...(listing.moderation?.labels ?? []).map(
      (label) => `  MODERATED: it ${sentenceOf(label)} (by ${keyText(label.moderator, { full: true })})`,
    ),
    ...rows.filter(([, value]) => value !== "").map(([name, value]) => `  ${name.padEnd(8)}  ${value}`),
    released
      ? `Install it: oa install ${listing.address}`
      : `It cannot be installed: the catalog has no release of ${listing.version}, which its author took back or never made.`,
  ]
    .map(plain)
    .join("\n");
}
