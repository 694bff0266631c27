import { getCollection } from "astro:content";
import { allListings, authorPath, groupedBy, segment } from "./listings.ts";
import { allLists, listPath, moderatorPath, moderators } from "./moderation.ts";

export interface Place {
  readonly path: string;
  /** Unix seconds. */
  readonly modified?: number;
}

const PART = 50_000;

/** Every page that is to be found, in parts: each listing, author, category and tag, and the documentation. */
export async function sitemapParts(): Promise<readonly (readonly Place[])[]> {
  const entries = await allListings();
  const newest = entries[0]?.listing.created_at;
  const authors = new Map(entries.toReversed().map(({ listing }) => [authorPath(listing), listing.created_at]));
  const docs = await getCollection("docs");
  const categories = await groupedBy("categories");
  const tags = await groupedBy("tags");
  const places: readonly Place[] = [
    { path: "/", ...(newest === undefined ? {} : { modified: newest }) },
    ...["/about/", "/browse/", "/browse/top/", "/search/", "/lists/", "/ledger/", "/docs/"].map((path) => ({ path })),
    ...docs.map(({ id }) => ({ path: `/docs/${id}/` })),
    ...entries.map(({ path, listing }) => ({ path, modified: listing.created_at })),
    ...[...authors].map(([path, modified]) => ({ path, modified })),
    ...categories.map(({ value }) => ({ path: `/categories/${segment(value)}/` })),
    ...allLists.map((list) => ({ path: listPath(list), modified: list.created_at })),
    ...moderators.flatMap((one) => (one.standing === "operator" ? [] : [{ path: moderatorPath(one) }])),
    ...tags.map(({ value }) => ({ path: `/tags/${segment(value)}/` })),
  ];
  return Array.from({ length: Math.ceil(places.length / PART) }, (_, part) =>
    places.slice(part * PART, (part + 1) * PART),
  );
}
