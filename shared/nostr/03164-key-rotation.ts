import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { KeyRotationContent } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { isOurs, KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import type { EventTemplate } from "./template.ts";
import { isHex32, type NostrEvent, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "./verify.ts";

const KIND = KINDS.key_rotation.kind;
type Label = "key-rotation" | "key-acceptance" | "key-revocation";

/** What the holder of a key said of it. `to` is null for a key that is given up without a successor. */
export interface KeyStatement {
  readonly event_id: string;
  readonly key: string;
  readonly to: string | null;
  readonly created_at: number;
  readonly reason: string;
}

/** What a successor signs, with the new key: it takes over from `from`. It travels inside the rotation only. */
export function toAcceptance(from: string, options: { readonly created_at: number }): EventTemplate {
  const tags = [["p", from], ...labels("key-acceptance"), ["alt", `Takes over from the key ${from}`]];
  return { kind: KIND, created_at: options.created_at, tags, content: "" };
}

/** What the old key signs: `acceptance.pubkey` is its successor. Of a regular kind, so that none replaces another. */
export function toRotation(
  acceptance: NostrEvent,
  options: { readonly created_at: number; readonly reason: string },
): EventTemplate {
  const to = acceptance.pubkey;
  const { created_at, reason } = options;
  const tags = [["p", to], ...labels("key-rotation"), ["alt", `This author signs with the key ${to} now`]];
  return { kind: KIND, created_at, tags, content: JSON.stringify({ reason, proof: acceptance }) };
}

/** What a key signs that is to be trusted no more, by whomever it is used. */
export function toRevocation(options: { readonly created_at: number; readonly reason: string }): EventTemplate {
  const tags = [...labels("key-revocation"), ["alt", "This key is no longer to be trusted"]];
  return { kind: KIND, created_at: options.created_at, tags, content: JSON.stringify({ reason: options.reason }) };
}

/**
 * What an event says of its signer's key. Refusals: foreign_event (dropped without noise), rotation_invalid, where the
 * successor did not accept, or not from this key.
 */
export function fromEvent(event: VerifiedEvent, schnorr: SchnorrVerify): KeyStatement | Rejection {
  const revocation = revocationIn(event);
  if (revocation !== null) return revocation;
  const content = labelOf(event) === "key-rotation" ? contentOf(event) : null;
  if (content === null) return reject("foreign_event", `event ${event.id} says nothing of its signer's key`);
  const { id: event_id, pubkey: key, created_at } = event;
  const to = tagValue(event, "p");
  if (!isHex32(to) || to === key) return invalid(event, "its p names no successor");
  return refuseProof(event, to, content, schnorr) ?? { event_id, key, to, created_at, reason: content.reason };
}

/** The statement of a key that is given up; it needs no proof, since whoever can make it could do worse. Else null. */
export function revocationIn(event: VerifiedEvent): KeyStatement | null {
  if (labelOf(event) !== "key-revocation") return null;
  const { id: event_id, pubkey: key, created_at } = event;
  return { event_id, key, to: null, created_at, reason: contentOf(event)?.reason ?? "" };
}

function contentOf(event: VerifiedEvent): KeyRotationContent | null {
  const parsed = parseStrict(event.content, { bytes: LIMITS.nostr_content_bytes });
  const content: unknown = isRejection(parsed) ? undefined : parsed.value;
  return validators.isKeyRotationContent(content) ? content : null;
}

function refuseProof(
  event: VerifiedEvent,
  to: string,
  { proof }: KeyRotationContent,
  schnorr: SchnorrVerify,
): Rejection | null {
  if (proof === undefined) return invalid(event, "the successor's acceptance is missing");
  const accepted = verifyEvent(proof, schnorr);
  if (isRejection(accepted)) return invalid(event, `the successor's acceptance is not valid (${accepted.code})`);
  if (accepted.pubkey !== to) return invalid(event, "the acceptance is not by the successor");
  const isOfThis = labelOf(accepted) === "key-acceptance" && tagValue(accepted, "p") === event.pubkey;
  return isOfThis ? null : invalid(event, "the successor accepted something else");
}

/**
 * The keys from `from` to the one that signs for its author today, `from` first; just `from` where nobody said anything.
 * Dates decide nothing: whoever holds a key can write any. Refusals: key_revoked, rotation_conflict (two successors, or
 * a circle: then none is believed).
 */
export function keysSince(from: string, statements: readonly KeyStatement[]): readonly string[] | Rejection {
  const keys = [from];
  for (;;) {
    const key = keys.at(-1) ?? from;
    const said = statements.filter((statement) => statement.key === key);
    const revoked = said.find(({ to }) => to === null);
    if (revoked !== undefined) {
      const why = revoked.reason === "" ? "" : `: ${revoked.reason}`;
      return reject("key_revoked", `the author's key ${key} was revoked by its holder${why}`);
    }
    const successors = [...new Set(said.flatMap(({ to }) => (to === null ? [] : [to])))];
    const [to] = successors;
    if (to === undefined) return keys;
    if (successors.length > 1) {
      const names = successors.join(" and ");
      const message = `the key ${key} named several successors, ${names}: none of them is believed`;
      return reject("rotation_conflict", message, { successors });
    }
    if (keys.includes(to) || keys.length > LIMITS.key_rotations) {
      return reject("rotation_conflict", `the successors of the key ${from} lead in a circle or too far`);
    }
    keys.push(to);
  }
}

/** What these keys were said to be. */
export function filter(keys: readonly string[]) {
  return { kinds: [KIND], authors: keys, "#L": [LABEL_NAMESPACE], limit: LIMITS.key_statements };
}

function labels(label: Label): readonly (readonly string[])[] {
  return [
    ["L", LABEL_NAMESPACE],
    ["l", label, LABEL_NAMESPACE],
  ];
}

function labelOf(event: VerifiedEvent): string | undefined {
  if (event.kind !== KIND || !isOurs(event)) return undefined;
  return event.tags.find(([name, , space]) => name === "l" && space === LABEL_NAMESPACE)?.[1];
}

function invalid(event: VerifiedEvent, why: string): Rejection {
  return reject("rotation_invalid", `the key rotation ${event.id} is not valid: ${why}`);
}
