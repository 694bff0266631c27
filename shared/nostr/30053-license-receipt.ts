import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { type Msats, msats } from "../core/money.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { LicenseOffer } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { addressOf, KINDS, tagValue } from "./kinds.ts";
import { type EventTemplate, isLabelled, labelTags, tagValues } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

export const RECEIPT_STATUSES = ["paid", "revoked", "refunded"] as const;
export type ReceiptStatus = (typeof RECEIPT_STATUSES)[number];

/** A seller's word that a buyer has paid for one release. Nothing of the payment is proved by it alone. */
export interface Receipt {
  /** `30053:<signer>:<d>`. */
  readonly address: string;
  readonly d: string;
  readonly event_id: string;
  readonly created_at: number;
  readonly signer: string;
  /** `30051:<author>:<slug>`. */
  readonly listing: string;
  readonly author: string;
  readonly slug: string;
  readonly version: string;
  readonly release_event_id: string;
  readonly manifest_sha256: string;
  readonly buyer: string;
  readonly payment_hash: string;
  readonly amount_msats: Msats;
  readonly status: ReceiptStatus;
  /** Unix seconds; null: the licence does not end. */
  readonly expires_at: number | null;
  /** What the signer says the offer's hash is; the offer that was paid. */
  readonly offer_sha256: string;
  readonly offer: LicenseOffer;
}

/** What a seller says in a receipt; the rest follows from it. */
export type ReceiptDraft = Pick<
  Receipt,
  "buyer" | "payment_hash" | "amount_msats" | "status" | "expires_at" | "offer_sha256" | "offer"
>;

/** The event of a receipt (kind 30053), for the offer's seller to sign: the offer as content, its facts as tags. */
export function toEvent(draft: ReceiptDraft, options: { readonly created_at: number }): EventTemplate {
  const { offer, buyer, payment_hash, expires_at } = draft;
  const [, author = "", slug = ""] = offer.listing.split(":");
  return {
    kind: KINDS.receipt.kind,
    created_at: options.created_at,
    content: JSON.stringify(offer),
    tags: [
      ["d", receiptD(slug, offer.version, buyer, payment_hash)],
      ["a", offer.listing],
      ["e", offer.release_event_id],
      ["x", offer.manifest_sha256],
      ["version", offer.version],
      ["p", buyer, "", "buyer"],
      ["p", author, "", "author"],
      ["payment_hash", payment_hash],
      ["amount", String(draft.amount_msats)],
      ["offer", draft.offer_sha256],
      ["status", draft.status],
      ...(expires_at === null ? [] : [["expires_at", String(expires_at)]]),
      ...labelTags(KINDS.receipt),
      ["alt", `Licence receipt for the agent upgrade ${slug} ${offer.version}`],
    ],
  };
}

/**
 * The receipt an event makes: well-formed, its tags agreeing with each other. Whether it proves anything is another
 * matter. Refusals: foreign_event (dropped without noise), event_tag_mismatch. Each tag counts only if it is there once.
 */
export function fromEvent(event: VerifiedEvent): Receipt | Rejection {
  if (!isLabelled(event, KINDS.receipt)) {
    return reject("foreign_event", `event ${event.id} is not labelled as a licence receipt`);
  }
  const parsed = parseStrict(event.content, { bytes: LIMITS.nostr_content_bytes });
  const offer: unknown = isRejection(parsed) ? undefined : parsed.value;
  if (!validators.isLicenseOffer(offer)) {
    return reject("foreign_event", `the content of event ${event.id} is not a licence offer`);
  }
  const mismatch = (why: string): Rejection => reject("event_tag_mismatch", `receipt event ${event.id}: ${why}`);
  const tags = Object.fromEntries(ONCE.map((name) => [name, onlyValue(event, name)]));
  const { d = "", a = "", e, x, version = "", payment_hash, amount = "", offer: offer_sha256 } = tags;
  if (!isHex32(e) || !isHex32(x) || !isHex32(payment_hash) || !isHex32(offer_sha256)) {
    return mismatch("it lacks one e, x, payment_hash or offer of 64 hex digits");
  }
  const [kind, author, slug, ...more] = a.split(":");
  if (kind !== String(KINDS.manifest.kind) || !isHex32(author) || slug === undefined || more.length > 0) {
    return mismatch("its a is not its listing's address");
  }
  const buyer = party(event, "buyer");
  if (buyer === undefined || party(event, "author") !== author) {
    return mismatch('it lacks a p tag marked "buyer", or one marked "author" that is its listing\'s');
  }
  if (d !== receiptD(slug, version, buyer, payment_hash))
    return mismatch("its d is not <slug>@<version>:<buyer>:<hash>");
  const status = RECEIPT_STATUSES.find((name) => name === tags.status);
  if (status === undefined) return mismatch(`its status is not one of ${RECEIPT_STATUSES.join(", ")}`);
  const amount_msats = wholeNumber(amount);
  if (amount_msats === null || amount_msats === 0) return mismatch("its amount is not millisatoshis");
  const ends = tagValues(event, "expires_at").length;
  const expires_at = ends === 0 ? null : wholeNumber(tags.expires_at ?? "");
  if (ends > 0 && expires_at === null) return mismatch("its expires_at is not a time in Unix seconds");
  return {
    address: addressOf(event),
    d,
    event_id: event.id,
    created_at: event.created_at,
    signer: event.pubkey,
    listing: a,
    author,
    slug,
    version,
    release_event_id: e,
    manifest_sha256: x,
    buyer,
    payment_hash,
    amount_msats: msats(amount_msats),
    status,
    expires_at,
    offer_sha256,
    offer,
  };
}

/** Everything on a relay that may take a receipt back, or stand in its place. */
export function withdrawalFilters({ d, signer, author, event_id, address }: Receipt) {
  const deletions = { kinds: [KINDS.deletion.kind], authors: [signer] };
  return [
    { kinds: [KINDS.receipt.kind], authors: [...new Set([signer, author])], "#d": [d] },
    { ...deletions, "#e": [event_id] },
    { ...deletions, "#a": [address] },
  ];
}

const ONCE = ["d", "a", "e", "x", "version", "payment_hash", "amount", "offer", "status", "expires_at"] as const;

function receiptD(slug: string, version: string, buyer: string, payment_hash: string): string {
  return `${slug}@${version}:${buyer}:${payment_hash}`;
}

/** The value of a tag that is there exactly once: of two, two readers would take different ones. */
function onlyValue(event: VerifiedEvent, name: string): string | undefined {
  return tagValues(event, name).length === 1 ? tagValue(event, name) : undefined;
}

function party(event: VerifiedEvent, role: "buyer" | "author"): string | undefined {
  const [tag, ...more] = event.tags.filter(([name, , , marker]) => name === "p" && marker === role);
  return more.length === 0 && isHex32(tag?.[1]) ? tag[1] : undefined;
}

function wholeNumber(text: string): number | null {
  const value = /^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
}
