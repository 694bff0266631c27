import { getCollection } from "astro:content";
import type { CatalogDetail, CatalogListing, UpgradeManifest } from "@oa/shared/generated/types.ts";

/** A listing as the pages show it. */
export interface Entry {
  /** The path of its page. */
  readonly path: string;
  readonly listing: CatalogListing;
  readonly detail: CatalogDetail;
  readonly manifest: UpgradeManifest;
}

/** How many listings a page of a list shows. */
export const PAGE_SIZE = 60;

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
  return entries.sort(
    (a, b) => b.listing.created_at - a.listing.created_at || (a.listing.address < b.listing.address ? -1 : 1),
  );
}

/** Listings by a value of theirs, most used values first. */
export async function groupedBy(
  valuesOf: (listing: CatalogListing) => readonly string[],
): Promise<readonly { readonly value: string; readonly entries: readonly Entry[] }[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of await allListings()) {
    for (const value of new Set(valuesOf(entry.listing).map((text) => text.toLowerCase()))) {
      const group = groups.get(value) ?? [];
      group.push(entry);
      groups.set(value, group);
    }
  }
  return [...groups]
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
