import type { Invoice } from "./bolt11.ts";
import { sha256Hex } from "./hash.ts";
import { canonicalize } from "./json.ts";

const TEXT = /^oa1:([0-9a-f]{64})$/;

/** The offer's identity: SHA-256, in hex, over its RFC 8785 form. The value must come from `parseStrict`. */
export function offerHash(offer: object): string {
  return sha256Hex(canonicalize(offer));
}

/** How an invoice commits to an offer where a wallet takes only a description; else `h` is the hash itself. */
export function offerText(offer_sha256: string): string {
  return `oa1:${offer_sha256}`;
}

/** The hash of the offer an invoice is for, or null where it commits to none. */
export function offerHashIn({ description, description_hash }: Invoice): string | null {
  return description_hash ?? TEXT.exec(description ?? "")?.[1] ?? null;
}
