import type { LightningNetwork } from "../core/bolt11.ts";
import { sha256Hex } from "../core/hash.ts";
import { LIMITS } from "../core/limits.ts";
import { offerHashIn } from "../core/offer-hash.ts";
import type { ReasonCode } from "../core/reasons.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { ReceiptBundle, ReceiptReport } from "../generated/types.ts";
import type { ReceiptProof } from "../nostr/24054-receipt-proof.ts";
import type { Receipt } from "../nostr/30053-license-receipt.ts";
import type { SchnorrVerify, VerifiedEvent } from "../nostr/verify.ts";
import { type Evidence, readEvidence } from "./evidence.ts";
import { withdrawnBy } from "./withdrawal.ts";

/** What the verifier knows beyond the bundle. Times are Unix seconds. */
export interface Knowledge {
  readonly now_s: number;
  /** Payments on other networks count for nothing: on regtest anyone makes money. */
  readonly networks: readonly LightningNetwork[];
  /** Who must hold the licence, where the verifier knows. */
  readonly buyer?: string | undefined;
  /** What its seller and the author published about it; null where this cannot be asked. */
  readonly withdrawals: readonly VerifiedEvent[] | null;
  /** Which receipt holds the payment; "unclaimed" where none does; null where this cannot be asked. */
  readonly holder: Holder | typeof UNCLAIMED | null;
  /** An edge's proof, already checked, for when neither can be asked. */
  readonly proof?: ReceiptProof | null;
}

/** The receipt that has claimed a payment. */
export interface Holder {
  readonly receipt_event_id: string;
  readonly receipt_address_sha256: string;
}
export const UNCLAIMED = "unclaimed";

/** True: it holds. A text: it does not, and why. Null: this verifier cannot decide it, or what it needs is unreadable. */
type Finding = true | string | null;

interface Check {
  readonly code: ReasonCode;
  /** What is so where the check holds. */
  readonly holds: string;
  readonly find: (evidence: Evidence, knowledge: Knowledge) => Finding;
}

/** A check of readable parts: undecided where one of them is not. */
function over<Parts extends readonly (object | null)[]>(
  pick: (evidence: Evidence) => Parts,
  find: (
    parts: { [Part in keyof Parts]: Exclude<Parts[Part], Rejection | null> },
    knowledge: Knowledge,
    evidence: Evidence,
  ) => Finding,
): Check["find"] {
  return (evidence, knowledge) => {
    const parts = pick(evidence);
    if (parts.some((part) => part === null || isRejection(part))) return null;
    return find(parts as { [Part in keyof Parts]: Exclude<Parts[Part], Rejection | null> }, knowledge, evidence);
  };
}
const receiptOnly = (evidence: Evidence) => [evidence.receipt] as const;
const receiptAndListing = (evidence: Evidence) => [evidence.receipt, evidence.listing] as const;
const receiptAndInvoice = (evidence: Evidence) => [evidence.receipt, evidence.invoice] as const;

/** Every check of a receipt, in the order in which they are told. */
export const RECEIPT_CHECKS: readonly Check[] = [
  {
    code: "receipt_signature",
    holds: "the receipt is signed by the key it names",
    find: ({ event }) => (isRejection(event) ? event.message : true),
  },
  {
    code: "receipt_form",
    holds: "it is a licence receipt whose tags agree with each other",
    find: ({ receipt }) => (receipt === null ? null : isRejection(receipt) ? receipt.message : true),
  },
  {
    code: "receipt_manifest",
    holds: "the manifest is signed by its author and is the one that the receipt pins",
    find: ({ receipt, listing }) => {
      if (isRejection(listing)) return listing.message;
      if (receipt === null || isRejection(receipt)) return null;
      if (receipt.manifest_sha256 !== listing.manifest_sha256) {
        return `the receipt pins the manifest ${receipt.manifest_sha256}, and this one is ${listing.manifest_sha256}`;
      }
      return same("version", receipt.version, listing.manifest.version);
    },
  },
  {
    code: "receipt_listing",
    holds: "it is for this listing",
    find: over(receiptAndListing, ([receipt, listing]) => same("listing", receipt.listing, listing.address)),
  },
  {
    code: "receipt_signer",
    holds: "its signer is the listing's author, or the coordinator that the manifest names",
    find: over(receiptAndListing, ([{ signer }, { address }], _, { sellers }) => {
      if (sellers.includes(signer)) return true;
      return `${signer} may not sell ${address}: only its author and the coordinator its manifest names may`;
    }),
  },
  {
    code: "receipt_offer",
    holds: "the receipt grants what the offer in it says",
    find: over(receiptOnly, ([receipt], _, { offer_sha256 }) => {
      const { offer } = receipt;
      return firstFailing([
        same("hash of the offer", receipt.offer_sha256, offer_sha256 ?? ""),
        same("listing of the offer", receipt.listing, offer.listing),
        same("version of the offer", receipt.version, offer.version),
        same("release of the offer", receipt.release_event_id, offer.release_event_id),
        same("manifest of the offer", receipt.manifest_sha256, offer.manifest_sha256),
        same("seller of the offer", receipt.signer, offer.seller),
      ]);
    }),
  },
  {
    code: "receipt_invoice",
    holds: "the invoice is whole and signed",
    find: ({ invoice }) => (isRejection(invoice) ? invoice.message : true),
  },
  {
    code: "receipt_commitment",
    holds: "the invoice was made for this offer",
    find: over(receiptAndInvoice, ([, invoice], _, { offer_sha256 }) => {
      const committed = offerHashIn(invoice);
      if (committed === null) return "the invoice commits to no offer: neither by its hash nor by a text oa1:<hash>";
      return same("offer that the invoice is for", offer_sha256 ?? "", committed);
    }),
  },
  {
    code: "receipt_network",
    holds: "the invoice is of the offer's network, and payments there count",
    find: over(receiptAndInvoice, ([{ offer }, { network }], { networks }) => {
      if (network !== offer.network)
        return `the offer asks for a payment on ${offer.network}, the invoice is of ${network}`;
      return networks.includes(network)
        ? true
        : `payments on ${network} do not count here, only on ${networks.join(", ")}`;
    }),
  },
  {
    code: "receipt_payee",
    holds: "the invoice is signed by the node that the offer pins",
    find: over(receiptAndInvoice, ([{ offer }, { payee }]) => same("node paid", offer.node_pubkey, payee)),
  },
  {
    code: "receipt_amount",
    holds: "receipt, offer and invoice name the same amount",
    find: over(receiptAndInvoice, ([{ amount_msats, offer }, invoice]) =>
      amount_msats === offer.price_msats && invoice.amount_msats === offer.price_msats
        ? true
        : `the receipt says ${amount_msats} msats, the offer ${offer.price_msats}, the invoice ${invoice.amount_msats ?? "any amount"}`,
    ),
  },
  {
    code: "receipt_payment_hash",
    holds: "the receipt is for the invoice's payment",
    find: over(receiptAndInvoice, ([receipt, invoice]) =>
      same("payment hash", receipt.payment_hash, invoice.payment_hash),
    ),
  },
  {
    code: "receipt_preimage",
    holds: "the preimage shows that the invoice was paid",
    find: ({ invoice, preimage_sha256 }) => {
      if (isRejection(invoice)) return null;
      return invoice.payment_hash === preimage_sha256 || "the preimage is not that of the invoice's payment hash";
    },
  },
  {
    code: "receipt_buyer",
    holds: "the offer was made to the receipt's buyer",
    find: over(receiptOnly, ([{ buyer, offer }], knowledge) =>
      firstFailing([
        same("buyer of the offer", buyer, offer.buyer),
        same("holder of the licence", knowledge.buyer ?? buyer, buyer),
      ]),
    ),
  },
  {
    code: "receipt_time",
    holds: "it was not made in the future, nor its invoice after the offer had ended",
    find: over(receiptAndInvoice, ([{ created_at, offer }, { timestamp_s }], { now_s }) => {
      if (created_at > now_s + LIMITS.nostr_ahead_s) return `it was made at ${iso(created_at)}, ahead of this clock`;
      if (timestamp_s <= offer.expires_at) return true;
      return `its invoice was made at ${iso(timestamp_s)}, but the offer was good until ${iso(offer.expires_at)}`;
    }),
  },
  {
    code: "receipt_expiry",
    holds: "the licence has not ended",
    find: over(receiptOnly, ([{ expires_at }], { now_s }) =>
      expires_at === null || expires_at > now_s ? true : `the licence ended at ${iso(expires_at)}`,
    ),
  },
  {
    code: "receipt_withdrawal",
    holds: "it was not taken back",
    find: over(receiptOnly, ([receipt], { withdrawals, proof }) => {
      if (receipt.status !== "paid") return `its signer made it ${receipt.status}`;
      if (withdrawals !== null) return withdrawnBy(receipt, withdrawals) ?? true;
      return isFor(proof, receipt) ? true : null;
    }),
  },
  {
    code: "receipt_claim",
    holds: "it holds the payment, which no other receipt can claim",
    find: over(receiptOnly, ([receipt], { holder, proof }) => {
      if (holder === null) return isFor(proof, receipt) ? true : null;
      if (holder === UNCLAIMED) return null;
      if (holder.receipt_event_id === receipt.event_id) return true;
      if (holder.receipt_address_sha256 === sha256Hex(receipt.address)) return null;
      return `the payment is claimed by another receipt, event ${holder.receipt_event_id}`;
    }),
  },
];

/**
 * Judges evidence by every check. One that fails makes the receipt invalid, whatever else is so; else one that this
 * verifier cannot decide leaves it unproven.
 */
export function judgeReceipt(evidence: Evidence, knowledge: Knowledge): ReceiptReport {
  const checks = RECEIPT_CHECKS.map(({ code, holds, find }) => {
    const finding = find(evidence, knowledge);
    if (finding === true) return { code, ok: true, message: holds };
    return { code, ok: finding === null ? null : false, message: finding ?? undecided(code, knowledge) };
  });
  return { verdict: verdictOf(checks), checks };
}

/**
 * What an edge found, beside what was found here: a check that failed here has failed; any other is as the edge says,
 * which knows more. A check it did not answer stays undecided.
 */
export function joinReports(here: ReceiptReport, edge: ReceiptReport): ReceiptReport {
  const checks = here.checks.map((check) => {
    if (check.ok === false) return check;
    const { code, message } = check;
    return edge.checks.find((other) => other.code === code) ?? { code, ok: null, message };
  });
  return { verdict: verdictOf(checks), checks };
}

function verdictOf(checks: ReceiptReport["checks"]): ReceiptReport["verdict"] {
  if (checks.some(({ ok }) => ok === false)) return "invalid";
  return checks.some(({ ok }) => ok === null) ? "unproven" : "valid";
}

/**
 * Verifies a receipt with what travels with it. Without `withdrawals` and `holder` (offline) and without an edge's
 * proof, a receipt is at best unproven: whether it was taken back lately, and whether its payment has been used
 * elsewhere, only the world can tell.
 */
export function verifyReceipt(bundle: ReceiptBundle, knowledge: Knowledge, schnorr: SchnorrVerify): ReceiptReport {
  return judgeReceipt(readEvidence(bundle, schnorr), knowledge);
}

/**
 * Null where every check but the claim holds, so that the payment may be claimed; else the first that does not, with all
 * of them as details.
 */
export function refuseClaim(report: ReceiptReport): Rejection | null {
  const failed = report.checks.filter(({ code, ok }) => ok !== true && code !== "receipt_claim");
  const [first] = failed.filter(({ ok }) => ok === false).concat(failed);
  if (first === undefined) return null;
  return reject(first.code as ReasonCode, `the receipt proves nothing: ${first.message}`, { checks: failed });
}

/** Null where nothing failed, whatever is undecided; else the first that did, with all of them as details. */
export function refuseInvalid({ checks }: ReceiptReport): Rejection | null {
  const failed = checks.filter(({ ok }) => ok === false);
  const [first] = failed;
  if (first === undefined) return null;
  return reject(first.code as ReasonCode, `the receipt proves nothing: ${first.message}`, { checks: failed });
}

function undecided(code: ReasonCode, { holder }: Knowledge): string {
  if (code === "receipt_claim") {
    if (holder === null) return "whether another receipt has claimed the payment is known only to an edge";
    if (holder === UNCLAIMED)
      return "no receipt has claimed the payment yet: its buyer claims it with `oa receipt add FILE --online`";
    return `another version of this receipt, event ${holder.receipt_event_id}, holds the payment: claim it again`;
  }
  if (code === "receipt_withdrawal") return "whether it was taken back since is known only to an edge";
  return "not decided: what it needs cannot be read";
}

function isFor(proof: ReceiptProof | null | undefined, { event_id, payment_hash }: Receipt): boolean {
  return proof?.receipt_event_id === event_id && proof.payment_hash === payment_hash;
}

function same(what: string, stated: string, actual: string): Finding {
  return stated === actual || `the ${what} is ${actual}, not ${stated}`;
}

function firstFailing(findings: readonly Finding[]): Finding {
  return findings.find((finding) => finding !== true) ?? true;
}

function iso(time_s: number): string {
  return new Date(time_s * 1000).toISOString();
}
