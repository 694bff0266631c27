import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import type { Mutes } from "./10000-mutes.ts";
import { KINDS, tagValue } from "./kinds.ts";
import { type EventTemplate, tagValues } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

const D = String(KINDS.manifest.kind);

/** A blocklist of upgrades' authors: a kind mute set (NIP-51, kind 30007) for manifests. */
export function toEvent(keys: readonly string[], options: { readonly created_at: number }): EventTemplate {
  const tags = [["d", D], ...keys.map((key) => ["p", key])];
  return { kind: KINDS.kind_mutes.kind, created_at: options.created_at, content: "", tags };
}

/** The authors whose upgrades it mutes. Refusal: foreign_event, for another kind's set too. */
export function fromEvent(event: VerifiedEvent): Mutes | Rejection {
  if (event.kind !== KINDS.kind_mutes.kind || tagValue(event, "d") !== D) {
    return reject("foreign_event", `event ${event.id} mutes nobody's upgrades`);
  }
  const keys = tagValues(event, "p").filter((key) => isHex32(key) && key !== event.pubkey);
  const { id: event_id, created_at, pubkey: signer } = event;
  return { event_id, created_at, signer, keys: [...new Set(keys)].slice(0, LIMITS.moderation_people) };
}

export function filter(signers: readonly string[]) {
  return { kinds: [KINDS.kind_mutes.kind], authors: signers, "#d": [D] };
}
