import type { CatalogListing } from "@oa/shared/generated/types.ts";

/** What its author goes by: the name they give, else the start of their key. */
export function authorInWords({ author_name, npub }: Pick<CatalogListing, "author_name" | "npub">): string {
  return author_name === undefined || author_name.trim() === "" ? `${npub.slice(0, 12)}…` : author_name;
}

/** `4.2`, of thousandths of a star. */
export function stars(milli: number): string {
  return (milli / 1_000).toFixed(1);
}

/** `one upgrade`, `3 upgrades`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? `one ${one}` : `${count.toLocaleString("en")} ${many}`;
}
