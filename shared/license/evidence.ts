import { hexToBytes } from "@noble/hashes/utils.js";
import { decodeInvoice, type Invoice } from "../core/bolt11.ts";
import { sha256Hex } from "../core/hash.ts";
import { offerHash } from "../core/offer-hash.ts";
import { isRejection, type Rejection } from "../core/refusal.ts";
import type { ReceiptBundle } from "../generated/types.ts";
import { type Listing, fromEvent as listingFrom } from "../nostr/30051-manifest.ts";
import { type Receipt, fromEvent as receiptFrom } from "../nostr/30053-license-receipt.ts";
import { npubToHex } from "../nostr/npub.ts";
import { type SchnorrVerify, type VerifiedEvent, verifyEvent } from "../nostr/verify.ts";

/** What a bundle says once its three signatures are checked: each part, or why it does not count. */
export interface Evidence {
  readonly event: VerifiedEvent | Rejection;
  readonly receipt: Receipt | Rejection | null;
  readonly listing: Listing | Rejection;
  readonly invoice: Invoice | Rejection;
  /** Of the offer in the receipt, as it is. */
  readonly offer_sha256: string | null;
  /** Of the preimage. */
  readonly preimage_sha256: string;
  /** Who may sign receipts for the listing. */
  readonly sellers: readonly string[];
}

/** Checks the signatures of a receipt, its manifest and its invoice: all the costly work there is, done once. */
export function readEvidence(bundle: ReceiptBundle, schnorr: SchnorrVerify): Evidence {
  const event = verifyEvent(bundle.receipt, schnorr);
  const receipt = isRejection(event) ? null : receiptFrom(event);
  const manifest = verifyEvent(bundle.manifest, schnorr);
  const listing = isRejection(manifest) ? manifest : listingFrom(manifest);
  return {
    event,
    receipt,
    listing,
    invoice: decodeInvoice(bundle.invoice),
    offer_sha256: receipt === null || isRejection(receipt) ? null : offerHash(receipt.offer),
    preimage_sha256: sha256Hex(hexToBytes(bundle.preimage)),
    sellers: isRejection(listing) ? [] : sellersOf(listing),
  };
}

/** The keys whose receipts count for a listing: its author, and the coordinator its manifest names. */
export function sellersOf({ author, manifest }: Listing): readonly string[] {
  const coordinator = manifest.pricing?.coordinator;
  const key = coordinator === undefined ? null : npubToHex(coordinator);
  return key === null ? [author] : [author, key];
}
