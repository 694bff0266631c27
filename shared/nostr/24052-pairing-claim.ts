import { parseStrict } from "../core/json.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { PairingClaim } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { unwrap } from "./gift-wrap.ts";
import { KINDS, tagValue } from "./kinds.ts";
import type { EventTemplate } from "./template.ts";
import type { SchnorrVerify, VerifiedEvent } from "./verify.ts";

const KIND = KINDS.pairing_claim.kind;

/** A coordinator's key together with the one-time secret it showed. */
export interface OpenedClaim {
  readonly pubkey: string;
  readonly secret: string;
  /** The signed event inside. */
  readonly event_id: string;
}

/** The inner event of a claim, signed by the coordinator and sealed to the worker as an install config is. */
export function toEvent(
  claim: { readonly worker: string; readonly secret: string },
  options: { readonly created_at: number },
): EventTemplate {
  const content: PairingClaim = { secret: claim.secret };
  return { kind: KIND, created_at: options.created_at, tags: [["p", claim.worker]], content: JSON.stringify(content) };
}

/**
 * Opens a gift wrap (NIP-59) that may hold a claim. Whether the secret is good is for the rules of pairing. Refusals:
 * config_unreadable, foreign_event (something else: dropped without noise), wrong_recipient, schema_invalid, those of
 * `verifyEvent`.
 */
export function open(
  wrap: VerifiedEvent,
  options: { readonly secret_key: Uint8Array; readonly worker: string; readonly schnorr: SchnorrVerify },
): OpenedClaim | Rejection {
  const inner = unwrap(wrap, options);
  if (isRejection(inner)) return inner;
  if (inner.kind !== KIND)
    return reject("foreign_event", `event ${wrap.id} holds kind ${inner.kind}, no pairing claim`);
  if (tagValue(inner, "p") !== options.worker) {
    return reject("wrong_recipient", `pairing claim ${inner.id} is not for this worker`);
  }
  const content = parseStrict(inner.content);
  if (isRejection(content)) return content;
  if (!validators.isPairingClaim(content.value)) {
    return reject("schema_invalid", `pairing claim ${inner.id} does not keep its schema`);
  }
  return { pubkey: inner.pubkey, secret: content.value.secret, event_id: inner.id };
}
