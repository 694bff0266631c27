import { sha256 } from "@noble/hashes/sha2.js";
import { hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";

/** A Nostr event as NIP-01 writes it. */
export interface NostrEvent {
  readonly id: string;
  readonly pubkey: string;
  readonly created_at: number;
  readonly kind: number;
  readonly tags: readonly (readonly string[])[];
  readonly content: string;
  readonly sig: string;
}

declare const verified: unique symbol;
/** An event whose id and signature this program has checked. Only `verifyEvent` makes one. */
export type VerifiedEvent = NostrEvent & { readonly [verified]: true };

/** BIP-340 verification of a 64-byte signature over a 32-byte message: a port, since WASM is much faster than JS. */
export type SchnorrVerify = (signature: Uint8Array, message: Uint8Array, public_key: Uint8Array) => boolean;

export interface EventLimits {
  readonly content_bytes: number;
  readonly tags: number;
  readonly tag_values: number;
  readonly tag_value_bytes: number;
}

const DEFAULTS: EventLimits = {
  content_bytes: LIMITS.nostr_content_bytes,
  tags: LIMITS.nostr_tags,
  tag_values: LIMITS.nostr_tag_values,
  tag_value_bytes: LIMITS.nostr_tag_value_bytes,
};

const HEX_32 = /^[0-9a-f]{64}$/;
const HEX_64 = /^[0-9a-f]{128}$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a value is 32 bytes in lower-case hex: an event id or a public key. */
export function isHex32(value: unknown): value is string {
  return typeof value === "string" && HEX_32.test(value);
}

/**
 * Checks an event that came from outside, once, on a fresh copy of its seven fields (anything else it carried is
 * gone). Refusals: event_malformed, event_too_large, event_id_mismatch, signature_invalid. NIP-01, BIP-340.
 */
export function verifyEvent(
  raw: unknown,
  schnorr: SchnorrVerify,
  limits: Partial<EventLimits> = {},
): VerifiedEvent | Rejection {
  const event = copyEvent(raw, { ...DEFAULTS, ...limits });
  if ("rejected" in event) return event;
  const hash = eventHash(event);
  if (!equalBytes(hash, hexToBytes(event.id))) {
    return reject("event_id_mismatch", `event ${event.id} is not the hash of its own fields`);
  }
  if (!schnorr(hexToBytes(event.sig), hash, hexToBytes(event.pubkey))) {
    return reject("signature_invalid", `the signature of event ${event.id} is not by ${event.pubkey}`);
  }
  return event as VerifiedEvent;
}

/** The 32 bytes an event's id stands for: SHA-256 of its serialised fields (NIP-01). */
export function eventHash(event: Omit<NostrEvent, "id" | "sig">): Uint8Array {
  return sha256(
    toUtf8(
      `[0,"${event.pubkey}",${event.created_at},${event.kind},${JSON.stringify(event.tags)},${JSON.stringify(event.content)}]`,
    ),
  );
}

/** UTF-8 of a text. Plain ASCII, the usual case, is copied here: a platform's encoder costs more than the hash. */
function toUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return utf8ToBytes(text);
    bytes[index] = unit;
  }
  return bytes;
}

/** The seven fields, checked for form and size. Refusals: event_malformed, event_too_large. */
function copyEvent(raw: unknown, limits: EventLimits): NostrEvent | Rejection {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return malformed("an event is a JSON object");
  const { id, pubkey, created_at, kind, tags, content, sig } = raw as Readonly<Record<string, unknown>>;
  if (!isHex32(id)) return malformed("its id is not 64 lower-case hex digits");
  if (!isHex32(pubkey)) return malformed("its pubkey is not 64 lower-case hex digits");
  if (typeof sig !== "string" || !HEX_64.test(sig)) return malformed("its sig is not 128 lower-case hex digits");
  if (!isWhole(created_at, LIMITS.nostr_created_at_s)) return malformed("its created_at is not a time in seconds");
  if (!isWhole(kind, 65_535)) return malformed("its kind is not a whole number from 0 to 65535");
  if (typeof content !== "string") return malformed("its content is not a string");
  if (LONE_SURROGATE.test(content)) return malformed("its content is not Unicode text");
  if (utf8Length(content) > limits.content_bytes) {
    return reject("event_too_large", `the event's content is over ${limits.content_bytes} bytes`);
  }
  const copied = copyTags(tags, limits);
  if ("rejected" in copied) return copied;
  return { id, pubkey, created_at, kind, tags: copied, content, sig };
}

function copyTags(tags: unknown, limits: EventLimits): readonly (readonly string[])[] | Rejection {
  if (!Array.isArray(tags)) return malformed("its tags are not an array");
  if (tags.length > limits.tags) return reject("event_too_large", `the event has over ${limits.tags} tags`);
  const copied: string[][] = [];
  for (const tag of tags) {
    if (!Array.isArray(tag) || tag.length === 0) return malformed("a tag is not an array with a name");
    if (tag.length > limits.tag_values) {
      return reject("event_too_large", `a tag of the event has over ${limits.tag_values} values`);
    }
    const values: string[] = [];
    for (const value of tag) {
      if (typeof value !== "string") return malformed("a tag holds something other than strings");
      if (LONE_SURROGATE.test(value)) return malformed("a tag is not Unicode text");
      if (utf8Length(value) > limits.tag_value_bytes) {
        return reject("event_too_large", `a tag value of the event is over ${limits.tag_value_bytes} bytes`);
      }
      values.push(value);
    }
    copied.push(values);
  }
  return copied;
}

function malformed(why: string): Rejection {
  return reject("event_malformed", `the Nostr event is malformed: ${why}`);
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max;
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** UTF-8 length of well-formed text, without encoding it where it cannot matter. */
function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    // Two bytes up to U+07FF, three above; a pair of surrogates is four bytes for two units.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
