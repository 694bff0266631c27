import type { CatalogListing } from "@oa/shared/generated/types.ts";

/** What its author goes by: the name they give, else the start of their key. */
export function authorInWords({ author_name, npub }: Pick<CatalogListing, "author_name" | "npub">): string {
  return author_name === undefined || author_name.trim() === "" ? `${npub.slice(0, 12)}…` : author_name;
}
