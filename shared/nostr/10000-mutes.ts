import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import { KINDS } from "./kinds.ts";
import { type EventTemplate, tagValues } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

/** Keys that one key wants to see nothing of. To those who choose it as a moderator it is a blocklist of authors. */
export interface Mutes {
  readonly event_id: string;
  readonly created_at: number;
  readonly signer: string;
  readonly keys: readonly string[];
}

/** The public part of a mute list (NIP-51, kind 10000). */
export function toEvent(keys: readonly string[], options: { readonly created_at: number }): EventTemplate {
  const tags = keys.map((key) => ["p", key]);
  return { kind: KINDS.mutes.kind, created_at: options.created_at, content: "", tags };
}

/** The keys of a mute list; what is encrypted in it is nobody's business. Refusal: foreign_event. */
export function fromEvent(event: VerifiedEvent): Mutes | Rejection {
  if (event.kind !== KINDS.mutes.kind) return reject("foreign_event", `event ${event.id} is not a mute list`);
  const keys = tagValues(event, "p").filter((key) => isHex32(key) && key !== event.pubkey);
  const { id: event_id, created_at, pubkey: signer } = event;
  return { event_id, created_at, signer, keys: [...new Set(keys)].slice(0, LIMITS.moderation_people) };
}

export function filter(signers: readonly string[]) {
  return { kinds: [KINDS.mutes.kind], authors: signers };
}
