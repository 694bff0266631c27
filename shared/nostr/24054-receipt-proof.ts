import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { KINDS, tagValue } from "./kinds.ts";
import { type EventTemplate, isLabelled, labelTags } from "./template.ts";
import { isHex32, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "./verify.ts";

/** An edge's word that a receipt was valid when it looked: not taken back, its payment claimed by no other. */
export interface ReceiptProof {
  readonly edge: string;
  readonly receipt_event_id: string;
  readonly payment_hash: string;
  /** Unix seconds. */
  readonly checked_at: number;
  readonly expires_at: number;
}

/** The event of a proof (kind 24054), for an edge to sign. It is handed over, never published. */
export function toEvent(proof: Omit<ReceiptProof, "edge">): EventTemplate {
  return {
    kind: KINDS.receipt_proof.kind,
    created_at: proof.checked_at,
    content: "",
    tags: [
      ["e", proof.receipt_event_id],
      ["payment_hash", proof.payment_hash],
      ["expiration", String(proof.expires_at)],
      ...labelTags(KINDS.receipt_proof),
    ],
  };
}

/** The proof an event makes. Refusal: foreign_event. */
export function fromEvent(event: VerifiedEvent): ReceiptProof | Rejection {
  const [receipt_event_id, payment_hash] = [tagValue(event, "e"), tagValue(event, "payment_hash")];
  const expiration = tagValue(event, "expiration") ?? "";
  const readable = isHex32(receipt_event_id) && isHex32(payment_hash) && /^\d{1,12}$/.test(expiration);
  if (!isLabelled(event, KINDS.receipt_proof) || !readable) {
    return reject("foreign_event", `event ${event.id} is not a proof of a receipt`);
  }
  const { pubkey: edge, created_at: checked_at } = event;
  return { edge, receipt_event_id, payment_hash, checked_at, expires_at: Number(expiration) };
}

/**
 * Checks a proof offline: signed by one of the edges that are trusted, and still good at `now_s`. Refusals:
 * proof_invalid, proof_expired.
 */
export function checkProof(
  raw: unknown,
  trusted: { readonly edges: readonly string[]; readonly now_s: number },
  schnorr: SchnorrVerify,
): ReceiptProof | Rejection {
  const event = verifyEvent(raw, schnorr);
  const proof = isRejection(event) ? event : fromEvent(event);
  if (isRejection(proof)) return reject("proof_invalid", `the edge's proof is refused: ${proof.message}`);
  if (!trusted.edges.includes(proof.edge)) {
    return reject("proof_invalid", `the edge's proof is signed by ${proof.edge}, which is not a trusted edge`);
  }
  if (proof.expires_at <= trusted.now_s) {
    return reject(
      "proof_expired",
      `the edge's proof was good until ${new Date(proof.expires_at * 1000).toISOString()}`,
    );
  }
  return proof;
}
