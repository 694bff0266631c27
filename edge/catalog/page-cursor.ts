import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { CatalogQuery } from "@oa/shared/generated/types.ts";
import { npubToHex } from "@oa/shared/nostr/npub.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";

export type Sort = NonNullable<CatalogQuery["sort"]>;
/** Where a page ended: the order, what it compares, and the address that decides among equals. */
export interface Cursor {
  readonly sort: Sort;
  readonly key: string | number;
  readonly address: string;
}

/** A key in hex, from hex or npub. Refusal: usage. */
export function authorHex(author: string): string | Rejection {
  const hex = isHex32(author) ? author : npubToHex(author);
  return hex ?? reject("usage", `a key is 64 hex digits or an npub, not ${author.slice(0, 80)}`);
}

export function writeCursor({ sort, key, address }: Cursor): string {
  return btoa(encodeURIComponent(JSON.stringify([sort, key, address])));
}

/** The cursor in a text that `writeCursor` made for the same order. Refusal: usage. */
export function readCursor(text: string, sort: Sort): Cursor | Rejection {
  const refused = reject("usage", "cursor is not one that this query returned");
  try {
    const value: unknown = JSON.parse(decodeURIComponent(atob(text)));
    if (!Array.isArray(value) || value.length !== 3) return refused;
    const [of, key, address] = value as readonly unknown[];
    if (of !== sort || typeof address !== "string") return refused;
    if (typeof key !== "string" && typeof key !== "number") return refused;
    return { sort, key, address };
  } catch {
    return refused;
  }
}
