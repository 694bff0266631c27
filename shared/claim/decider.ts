import type { Decider } from "../core/decider.ts";
import { assertNever, reject } from "../core/refusal.ts";
import type { ClaimEvent } from "../generated/types.ts";

/** Which receipt holds one payment. */
export type ClaimState = ClaimCommand | null;

/** A valid receipt, brought by its buyer, claims its payment. */
export interface ClaimCommand {
  readonly payment_hash: string;
  readonly receipt_event_id: string;
  /** Unix seconds. */
  readonly receipt_created_at: number;
  readonly receipt_address_sha256: string;
}

/**
 * A payment is claimed once: by the first receipt, and then only by a later version of the same one. A repeat changes
 * nothing. Refusals: receipt_claim, event_superseded; both name the receipt that holds it.
 */
export const claim: Decider<ClaimState, ClaimEvent, ClaimCommand> = {
  initial: null,

  evolve(_, event) {
    switch (event.event_type) {
      case "claim.made":
      case "claim.renewed":
        return event.data;
      default:
        return assertNever(event);
    }
  },

  decide(held, command) {
    if (held === null) return [{ event_type: "claim.made", data: command }];
    const { receipt_event_id } = held;
    if (receipt_event_id === command.receipt_event_id) return [];
    if (held.receipt_address_sha256 !== command.receipt_address_sha256) {
      const message = `the payment ${command.payment_hash} is claimed by another receipt, event ${receipt_event_id}`;
      return reject("receipt_claim", message, { receipt_event_id });
    }
    // Forward only (NIP-01: later, then lowest id), so that two versions cannot take turns for ever.
    const later =
      command.receipt_created_at > held.receipt_created_at ||
      (command.receipt_created_at === held.receipt_created_at && command.receipt_event_id < receipt_event_id);
    if (later) return [{ event_type: "claim.renewed", data: command }];
    const message = `a later version of this receipt, event ${receipt_event_id}, holds the payment`;
    return reject("event_superseded", message, { receipt_event_id });
  },
};
