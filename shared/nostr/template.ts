import { schnorr } from "@noble/curves/secp256k1.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { assert } from "../core/refusal.ts";
import { isOurs, type Kind, LABEL_NAMESPACE } from "./kinds.ts";
import { eventHash, type NostrEvent } from "./verify.ts";

/** An event before it is signed. */
export interface EventTemplate {
  readonly kind: number;
  readonly created_at: number;
  readonly tags: readonly (readonly string[])[];
  readonly content: string;
}

/** The x-only public key of a secret key, in hex. */
export function publicKeyOf(secret_key: Uint8Array): string {
  return bytesToHex(schnorr.getPublicKey(secret_key));
}

/** Signs a template (NIP-01, BIP-340). `aux_random` is 32 fresh random bytes. */
export function signEvent(template: EventTemplate, secret_key: Uint8Array, aux_random: Uint8Array): NostrEvent {
  const { kind, created_at, tags, content } = template;
  const unsigned = { pubkey: publicKeyOf(secret_key), created_at, kind, tags, content };
  const hash = eventHash(unsigned);
  return { id: bytesToHex(hash), ...unsigned, sig: bytesToHex(schnorr.sign(hash, secret_key, aux_random)) };
}

/** Every value of a tag, in order. */
export function tagValues(event: Pick<EventTemplate, "tags">, name: string): readonly string[] {
  return event.tags.flatMap((tag) => (tag[0] === name && tag[1] !== undefined ? [tag[1]] : []));
}

/** The label tags of one of our kinds (NIP-32). */
export function labelTags(kind: Kind): readonly (readonly string[])[] {
  assert(kind.label !== null, `kind ${kind.kind} has a label`);
  return [
    ["L", LABEL_NAMESPACE],
    ["l", kind.label, LABEL_NAMESPACE],
  ];
}

/** Whether an event is of a kind of ours and says so: others use the same numbers. */
export function isLabelled(event: Pick<EventTemplate, "kind" | "tags">, kind: Kind): boolean {
  return (
    event.kind === kind.kind &&
    isOurs(event) &&
    event.tags.some((tag) => tag[0] === "l" && tag[1] === kind.label && tag[2] === LABEL_NAMESPACE)
  );
}
