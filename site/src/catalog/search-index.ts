import { priceInWords } from "@oa/shared/core/price-words.ts";
import { badgesOf } from "@oa/shared/moderation/badges.ts";
import type { Indexed } from "../browser/indexed.ts";
import type { Entry } from "./listings.ts";
import { judgedEvent, saidOf } from "./moderation.ts";
import { authorInWords } from "./words.ts";

/** How many listings one file of the index holds: a few hundred kilobytes, gzipped a fifth of it. */
export const INDEX_PART = 1_000;

export function indexed({ path, listing }: Entry): Indexed {
  const { reputation } = listing;
  const badges = badgesOf(saidOf(listing));
  const event_id = judgedEvent(listing);
  return {
    path,
    title: listing.title,
    summary: listing.summary.slice(0, 240),
    author: authorInWords(listing),
    categories: listing.categories,
    tags: listing.tags,
    backends: listing.backends,
    price_sats: listing.pricing.model === "free" ? 0 : listing.pricing.amount_sats,
    price: priceInWords(listing.pricing),
    version: listing.version,
    ...(event_id === undefined ? {} : { event_id }),
    ...(badges.length === 0 ? {} : { badges }),
    ...(reputation === undefined || reputation.raters === 0
      ? {}
      : {
          rating: {
            stars_milli: reputation.stars_milli,
            low_milli: reputation.low_milli,
            raters: reputation.raters,
          },
        }),
  };
}
