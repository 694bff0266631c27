import { hexToBytes } from "@noble/hashes/utils.js";
import { decodeInvoice } from "../core/bolt11.ts";
import { sha256Hex } from "../core/hash.ts";
import { parseStrict } from "../core/json.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { authorOf, isListingAddress } from "./30054-rating.ts";
import { KINDS, tagValue } from "./kinds.ts";
import { tagValues } from "./template.ts";
import { isHex32, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "./verify.ts";

/** A tip to a listing's author for that listing. Its receipt is the provider's word, not a proof of payment (NIP-57). */
export interface Zap {
  readonly event_id: string;
  readonly created_at: number;
  /** `30051:<author>:<slug>`. */
  readonly listing: string;
  readonly sender: string;
  readonly recipient: string;
  readonly amount_msats: number;
  readonly payment_hash: string;
}

/**
 * The zap of a receipt (kind 9735), if `provider`, the key that the recipient's LNURL server names, signed it, if the
 * request in it is signed and asks for this, and if the invoice is for that request and that amount. NIP-57 appendix F,
 * with its SHOULDs as musts. Refusals: foreign_event, zap_invalid.
 */
export function fromEvent(event: VerifiedEvent, provider: string | null, schnorr: SchnorrVerify): Zap | Rejection {
  const listing = tagValue(event, "a");
  if (event.kind !== KINDS.zap.kind || !isListingAddress(listing)) {
    return reject("foreign_event", `event ${event.id} is not a zap of a listing`);
  }
  const invalid = (why: string): Rejection => reject("zap_invalid", `zap receipt ${event.id}: ${why}`);
  const recipient = authorOf(listing);
  if (tagValue(event, "p") !== recipient) return invalid("its p is not the listing's author");
  if (provider === null) return invalid("the author names no wallet that signs zaps");
  if (event.pubkey !== provider) return invalid("it is not signed by the key of the author's wallet");
  const description = tagValue(event, "description") ?? "";
  const request = requestOf(description, schnorr);
  if (isRejection(request)) return invalid(request.message);
  if (tagValues(request, "p").join() !== recipient) return invalid("its request is to somebody else");
  if (tagValue(request, "a") !== listing) return invalid("its request is for another listing");
  if ((tagValue(event, "P") ?? request.pubkey) !== request.pubkey) return invalid("its P is not who asked for it");
  const invoice = decodeInvoice(tagValue(event, "bolt11") ?? "");
  if (isRejection(invoice)) return invalid(`its invoice is not valid: ${invoice.message}`);
  const { amount_msats, payment_hash, description_hash } = invoice;
  if (invoice.network !== "bitcoin") return invalid("its invoice is for a network where payments cost nothing");
  if (amount_msats === null || amount_msats <= 0) return invalid("its invoice names no amount");
  const asked = tagValue(request, "amount");
  if (asked !== undefined && asked !== String(amount_msats)) return invalid("its invoice is not for the amount asked");
  if (description_hash !== sha256Hex(description)) return invalid("its invoice is not for this request");
  const preimage = tagValue(event, "preimage");
  if (preimage !== undefined && !opens(preimage, payment_hash)) return invalid("its preimage is of another payment");
  return {
    event_id: event.id,
    created_at: event.created_at,
    ...{ listing, recipient, amount_msats, payment_hash },
    sender: request.pubkey,
  };
}

/** Zap receipts for listings. */
export function filter(listings: readonly string[]) {
  return { kinds: [KINDS.zap.kind], "#a": listings };
}

/** The signed request inside a receipt. */
function requestOf(description: string, schnorr: SchnorrVerify): VerifiedEvent | Rejection {
  const parsed = parseStrict(description);
  if (isRejection(parsed)) return reject("zap_invalid", "its description is not a zap request");
  const request = verifyEvent(parsed.value, schnorr);
  if (isRejection(request)) return reject("zap_invalid", "its request is not a signed event");
  return request.kind === KINDS.zap_request.kind ? request : reject("zap_invalid", "its request is of another kind");
}

function opens(preimage: string, payment_hash: string): boolean {
  return isHex32(preimage) && sha256Hex(hexToBytes(preimage)) === payment_hash;
}
