import { getCollection } from "astro:content";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { CatalogDetail, CatalogListing, UpgradeManifest } from "@oa/shared/generated/types.ts";

/** A listing as the pages show it. */
export interface Entry {
  /** The path of its page. */
  readonly path: string;
  readonly listing: CatalogListing;
  readonly detail: CatalogDetail;
  readonly manifest: UpgradeManifest;
}

/** Listings that have a value in common. */
export interface Group {
  readonly value: string;
  readonly entries: readonly Entry[];
}

/** How many listings a page of a list shows. */
export const PAGE_SIZE = LIMITS.site_list_page;

let reading: Promise<readonly Entry[]> | undefined;

/** Every listing, newest first. Read once in a build. */
export function allListings(): Promise<readonly Entry[]> {
  reading ??= read();
  return reading;
}

async function read(): Promise<readonly Entry[]> {
  const entries = (await getCollection("listings")).map(({ data }): Entry => {
    const detail = data as unknown as CatalogDetail;
    const { listing, event } = detail;
    // The mirror verified the event and read its manifest before it wrote the snapshot.
    return { path: listingPath(listing), listing, detail, manifest: JSON.parse(event.content) as UpgradeManifest };
  });
  return entries.sort(newestFirst);
}

function newestFirst(a: Entry, b: Entry): number {
  return b.listing.created_at - a.listing.created_at || (a.listing.address < b.listing.address ? -1 : 1);
}

let rating: Promise<readonly Entry[]> | undefined;

/**
 * Every listing, best rated first: by the lower end of the score's interval, as the catalog orders them, so that three
 * friends do not beat three hundred buyers. Those without ratings that count come last.
 */
export function bestRated(): Promise<readonly Entry[]> {
  rating ??= allListings().then((entries) => entries.toSorted((a, b) => lowEnd(b) - lowEnd(a)));
  return rating;
}

function lowEnd({ listing: { reputation } }: Entry): number {
  return reputation === undefined || reputation.raters === 0 ? 0 : reputation.low_milli;
}

export type Facet = "categories" | "tags" | "backends";
const groups = new Map<Facet, Promise<readonly Group[]>>();

/** Listings by a value of theirs, most used values first. Grouped once in a build. */
export function groupedBy(facet: Facet): Promise<readonly Group[]> {
  let found = groups.get(facet);
  if (found === undefined) {
    found = allListings().then((entries) => group(entries, facet));
    groups.set(facet, found);
  }
  return found;
}

function group(all: readonly Entry[], facet: Facet): readonly Group[] {
  const found = new Map<string, Entry[]>();
  for (const entry of all) {
    for (const value of new Set(entry.listing[facet].map((text) => text.toLowerCase()))) {
      const entries = found.get(value);
      if (entries === undefined) found.set(value, [entry]);
      else entries.push(entry);
    }
  }
  return [...found]
    .map(([value, entries]) => ({ value, entries }))
    .sort((a, b) => b.entries.length - a.entries.length || (a.value < b.value ? -1 : 1));
}

export function listingPath({ pubkey, slug }: Pick<CatalogListing, "pubkey" | "slug">): string {
  return `/upgrades/${pubkey}/${slug}/`;
}

export function authorPath({ npub }: Pick<CatalogListing, "npub">): string {
  return `/authors/${npub}/`;
}

/** Values that people chose, as one segment of a path: letters, digits and hyphens, with the rest escaped. */
export function segment(value: string): string {
  return [...new TextEncoder().encode(value.toLowerCase())]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[a-z0-9-]/.test(char) ? char : `_${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}
