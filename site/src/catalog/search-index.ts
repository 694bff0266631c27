import type { Indexed } from "../browser/indexed.ts";
import type { Entry } from "./listings.ts";
import { priceInWords } from "./words.ts";

/** How many listings one file of the index holds: a few hundred kilobytes, gzipped a fifth of it. */
export const INDEX_PART = 1_000;

export function indexed({ path, listing }: Entry): Indexed {
  return {
    path,
    title: listing.title,
    summary: listing.summary.slice(0, 240),
    author: listing.author_name ?? listing.npub.slice(0, 16),
    labels: [...listing.categories, ...listing.tags],
    backends: listing.backends,
    price_sats: listing.pricing.model === "free" ? 0 : listing.pricing.amount_sats,
    price: priceInWords(listing),
    version: listing.version,
  };
}
