import { isRejection } from "../core/refusal.ts";
import { fromEvent, type Receipt } from "../nostr/30053-license-receipt.ts";
import { KINDS, tagValue } from "../nostr/kinds.ts";
import { tagValues } from "../nostr/template.ts";
import type { VerifiedEvent } from "../nostr/verify.ts";

/**
 * Why a receipt no longer counts, by what its seller or the listing's author has published since; null where none of
 * the events touches it. A deletion (NIP-09) is its signer's; a version in its place is its signer's or, where it takes
 * the licence back, the author's. What cannot be read in the receipt's place counts as taking it back.
 */
export function withdrawnBy(receipt: Receipt, events: readonly VerifiedEvent[]): string | null {
  for (const event of events) {
    const why = event.kind === KINDS.deletion.kind ? deletion(receipt, event) : replacement(receipt, event);
    if (why !== null) return why;
  }
  return null;
}

function deletion(receipt: Receipt, event: VerifiedEvent): string | null {
  if (event.pubkey !== receipt.signer) return null;
  const named =
    tagValues(event, "e").includes(receipt.event_id) ||
    (tagValues(event, "a").includes(receipt.address) && event.created_at >= receipt.created_at);
  return named ? `its signer deleted it with event ${event.id}` : null;
}

function replacement(receipt: Receipt, event: VerifiedEvent): string | null {
  if (event.kind !== KINDS.receipt.kind || event.id === receipt.event_id || tagValue(event, "d") !== receipt.d)
    return null;
  const [own, author] = [event.pubkey === receipt.signer, event.pubkey === receipt.author];
  const later =
    event.created_at > receipt.created_at || (event.created_at === receipt.created_at && event.id < receipt.event_id);
  if (!later || (!own && !author)) return null;
  const other = fromEvent(event);
  if (!isRejection(other) && other.status === "paid") {
    return own ? `event ${event.id} has taken its place: verify that one` : null;
  }
  const status = isRejection(other) ? "unreadable" : other.status;
  return `its ${own ? "signer" : "listing's author"} made it ${status} with event ${event.id}`;
}
