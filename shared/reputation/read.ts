import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { fromEvent as followsFrom } from "../nostr/00003-follows.ts";
import { fromEvent as attestationFrom } from "../nostr/01985-run-attestation.ts";
import { fromEvent as zapFrom } from "../nostr/09735-zap.ts";
import { fromEvent as receiptFrom } from "../nostr/30053-license-receipt.ts";
import { fromEvent as ratingFrom } from "../nostr/30054-rating.ts";
import { KINDS } from "../nostr/kinds.ts";
import type { SchnorrVerify, VerifiedEvent } from "../nostr/verify.ts";
import type { Input } from "./inputs.ts";

/**
 * A verified event as an input of reputation. Refusals: foreign_event, event_tag_mismatch; zap_invalid, by the key that
 * signs for the recipient's wallet.
 */
export function readInput(
  event: VerifiedEvent,
  zaps: { readonly provider: string | null; readonly schnorr: SchnorrVerify },
): Input | Rejection {
  switch (event.kind) {
    case KINDS.rating.kind:
      return wrap("rating", ratingFrom(event));
    case KINDS.label.kind:
      return wrap("attestation", attestationFrom(event));
    case KINDS.follows.kind:
      return wrap("follows", followsFrom(event));
    case KINDS.zap.kind:
      return wrap("zap", zapFrom(event, zaps.provider, zaps.schnorr));
    case KINDS.receipt.kind: {
      const receipt = receiptFrom(event);
      if (isRejection(receipt)) return receipt;
      const { event_id, created_at, address, listing, buyer, signer, status } = receipt;
      const revoked = status !== "paid";
      return { type: "receipt", is: { event_id, created_at, address, listing, buyer, signer, revoked } };
    }
    default:
      return reject("foreign_event", `event ${event.id} of kind ${event.kind} says nothing of reputation`);
  }
}

function wrap<T extends Input["type"]>(type: T, is: Extract<Input, { type: T }>["is"] | Rejection): Input | Rejection {
  return isRejection(is) ? is : ({ type, is } as Input);
}
