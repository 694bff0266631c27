import type { Decider } from "../core/decider.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type { CapabilityDelegated, CapabilityEvent, CapabilityMinted } from "../generated/types.ts";

export interface CapabilityState {
  /** `none`: a token that its holder made of another without saying so, if any. */
  readonly status: "none" | "active" | "revoked";
}

export type CapabilityCommand =
  | ({ readonly type: "mint" } & CapabilityMinted["data"])
  | ({ readonly type: "delegate" } & CapabilityDelegated["data"])
  /** Also of a token that was never told of: whoever holds one can make another of it. */
  | { readonly type: "revoke"; readonly reason: string };

/** The record of tokens: made, delegated, revoked for good. Refusal: capability_token_revoked. */
export const capabilityDecider: Decider<CapabilityState, CapabilityEvent, CapabilityCommand> = {
  initial: { status: "none" },
  evolve: (_, event) => {
    switch (event.event_type) {
      case "capability.minted":
      case "capability.delegated":
        return { status: "active" };
      case "capability.revoked":
        return { status: "revoked" };
      default:
        return assertNever(event);
    }
  },
  decide,
};

function decide({ status }: CapabilityState, command: CapabilityCommand): readonly CapabilityEvent[] | Rejection {
  switch (command.type) {
    case "mint":
    case "delegate": {
      if (status === "revoked") return reject("capability_token_revoked", "the token was revoked");
      // The same delegation of the same token is the same token.
      if (status === "active") return [];
      if (command.type === "mint") {
        const { type: _, ...data } = command;
        return [{ event_type: "capability.minted", data }];
      }
      const { type: _, ...data } = command;
      return [{ event_type: "capability.delegated", data }];
    }
    case "revoke":
      if (status === "revoked") return [];
      return [{ event_type: "capability.revoked", data: { reason: command.reason } }];
    default:
      return assertNever(command);
  }
}
