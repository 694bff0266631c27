/** Invented sales with real signatures: offer, invoice, preimage and receipt as a seller would make them. */
import { randomBytes } from "node:crypto";
import { encodeInvoice, type InvoiceDraft, nodeKeyOf } from "@oa/shared/core/bolt11.ts";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { msats } from "@oa/shared/core/money.ts";
import { offerHash, offerText } from "@oa/shared/core/offer-hash.ts";
import type { LicenseOffer, NostrEvent, ReceiptBundle } from "@oa/shared/generated/types.ts";
import { type ReceiptDraft, toEvent } from "@oa/shared/nostr/30053-license-receipt.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { type EventTemplate, publicKeyOf } from "@oa/shared/nostr/template.ts";
import type { Publication } from "@oa/shared/upgrade/publication.ts";
import { signQuickly } from "../sign.ts";
import { AUTHOR, key, manifestBy, publish } from "./signed-upgrade.ts";

export const SOLD_AT = 1_766_000_000;
export const COORDINATOR = key(2);
export const BUYER = key(3);
export const NODE = key(4);
export const STRANGER = key(5);

/** A paid upgrade whose manifest lets the coordinator sell licences too. */
export const PAID = publish(
  manifestBy(AUTHOR, {
    id: "linter-pro",
    pricing: { model: "per-month", amount_sats: 2_100, coordinator: hexToNpub(publicKeyOf(COORDINATOR)) },
  }),
);

/** What a sale is; everything has a usual value. */
export interface SaleChange {
  readonly of?: Publication;
  readonly seller?: Uint8Array;
  readonly buyer?: Uint8Array;
  readonly node?: Uint8Array;
  readonly preimage?: string;
  readonly offer?: Partial<LicenseOffer>;
  readonly invoice?: Partial<InvoiceDraft>;
  /** The invoice says `oa1:<hash>` as its description. */
  readonly as_text?: boolean;
  readonly receipt?: Partial<ReceiptDraft>;
  readonly created_at?: number;
  /** Changes the receipt's event before it is signed. */
  readonly edit?: (event: EventTemplate) => EventTemplate;
}

export interface Sale {
  readonly bundle: ReceiptBundle;
  readonly offer: LicenseOffer;
  readonly draft: ReceiptDraft;
  readonly seller: Uint8Array;
}

export function sell(change: SaleChange = {}): Sale {
  const { of = PAID, seller = AUTHOR, buyer = BUYER, node = NODE } = change;
  const preimage = change.preimage ?? randomBytes(32).toString("hex");
  const created_at = change.created_at ?? SOLD_AT;
  const tag = (name: string): string => of.manifest_event.tags.find(([tagName]) => tagName === name)?.[1] ?? "";
  const offer: LicenseOffer = {
    offer_version: 1,
    listing: `30051:${of.manifest_event.pubkey}:${tag("d")}`,
    version: tag("version"),
    release_event_id: of.release_event.id,
    manifest_sha256: tag("x"),
    buyer: publicKeyOf(buyer),
    seller: publicKeyOf(seller),
    model: "per-month",
    quantity: 1,
    price_msats: 2_100_000,
    network: "regtest",
    node_pubkey: nodeKeyOf(node),
    issued_at: created_at - 60,
    expires_at: created_at + 600,
    nonce: randomBytes(16).toString("hex"),
    ...change.offer,
  };
  const hash = offerHash(offer);
  const payment_hash = sha256Hex(Buffer.from(preimage, "hex"));
  const invoice = encodeInvoice(
    {
      network: offer.network,
      amount_msats: msats(offer.price_msats),
      timestamp_s: created_at - 30,
      payment_hash,
      payment_secret: randomBytes(32).toString("hex"),
      describes: change.as_text === true ? { description: offerText(hash) } : { description_hash: hash },
      ...change.invoice,
    },
    node,
  );
  const draft: ReceiptDraft = {
    buyer: offer.buyer,
    payment_hash,
    amount_msats: msats(offer.price_msats),
    status: "paid",
    expires_at: created_at + 30 * 86_400,
    offer_sha256: hash,
    offer,
    ...change.receipt,
  };
  const event = toEvent(draft, { created_at });
  const receipt = sign(change.edit?.(event) ?? event, seller);
  return { bundle: { receipt, manifest: plain(of.manifest_event), invoice, preimage }, offer, draft, seller };
}

/** A later version of a sale's receipt. */
export function replacing({ draft, seller, bundle }: Sale, change: Partial<ReceiptDraft>, later_s = 1): NostrEvent {
  return sign(toEvent({ ...draft, ...change }, { created_at: bundle.receipt.created_at + later_s }), seller);
}

export function sign(template: EventTemplate, by: Uint8Array): NostrEvent {
  return signQuickly(template, by);
}

/** As it comes out of JSON. */
function plain(event: object): NostrEvent {
  return JSON.parse(JSON.stringify(event));
}
