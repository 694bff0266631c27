import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection, type Rejection } from "../core/refusal.ts";
import {
  fromEvent,
  type KeyStatement,
  keysSince,
  revocationIn,
  toAcceptance,
  toRevocation,
  toRotation,
} from "./03164-key-rotation.ts";
import { refuseKind, retentionOf } from "./kinds.ts";
import { pureSchnorr } from "./schnorr.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "./template.ts";
import { type NostrEvent, type VerifiedEvent, verifyEvent } from "./verify.ts";

const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const [old, next, third, thief] = [key(1), key(2), key(3), key(4)];
const hex = publicKeyOf;
const NOW = 1_766_000_000;

function sign(template: EventTemplate, by: Uint8Array): VerifiedEvent {
  const event = verifyEvent(signEvent(template, by, new Uint8Array(32)), pureSchnorr);
  assert.ok(!isRejection(event), JSON.stringify(event));
  return event;
}
const accept = (from: Uint8Array, by: Uint8Array): NostrEvent => sign(toAcceptance(hex(from), { created_at: NOW }), by);
const rotate = (from: Uint8Array, to: Uint8Array, created_at = NOW): VerifiedEvent =>
  sign(toRotation(accept(from, to), { created_at, reason: "a new machine" }), from);
const revoke = (of: Uint8Array): VerifiedEvent => sign(toRevocation({ created_at: NOW, reason: "stolen" }), of);
const read = (event: VerifiedEvent): KeyStatement => {
  const statement = fromEvent(event, pureSchnorr);
  assert.ok(!isRejection(statement), JSON.stringify(statement));
  return statement;
};
const codeOf = (value: unknown): string => (isRejection(value) ? (value satisfies Rejection).code : "ok");

test("a rotation is signed by the old key and accepted by the new one, and our relay takes it", () => {
  const event = rotate(old, next);
  const { event_id, key: from, to, reason } = read(event);
  assert.deepEqual([event_id, from, to, reason], [event.id, hex(old), hex(next), "a new machine"]);
  assert.equal(refuseKind(event), null);
  assert.deepEqual(keysSince(hex(old), [read(event)]), [hex(old), hex(next)]);
});

test("no statement replaces another, so that relays keep both of two successors and the conflict is seen", () => {
  for (const event of [rotate(old, next), revoke(old)]) assert.equal(retentionOf(event.kind), "regular");
});

test("a successor that did not accept, accepted another key, or whose acceptance was changed is none", () => {
  const good = rotate(old, next);
  const withContent = (content: object): VerifiedEvent =>
    sign({ ...good, content: JSON.stringify({ reason: "", ...content }) }, old);
  const proof = accept(old, next);
  for (const [why, event] of [
    ["no proof", withContent({})],
    ["by somebody else", withContent({ proof: accept(old, thief) })],
    ["of another key", withContent({ proof: accept(third, next) })],
    ["forged", withContent({ proof: { ...proof, content: "changed" } })],
    ["another kind", withContent({ proof: sign({ ...toAcceptance(hex(old), { created_at: NOW }), kind: 1 }, next) })],
    [
      "another successor",
      sign({ ...good, tags: good.tags.map((tag) => (tag[0] === "p" ? ["p", hex(third)] : tag)) }, old),
    ],
    ["itself", sign(toRotation(accept(old, old), { created_at: NOW, reason: "" }), old)],
  ] as const) {
    assert.equal(codeOf(fromEvent(event, pureSchnorr)), "rotation_invalid", why);
  }
});

test("an acceptance by itself, an unlabelled event and other kinds say nothing of a key", () => {
  const event = rotate(old, next);
  const bare = { ...event, tags: event.tags.filter(([name]) => name !== "L") };
  for (const other of [sign(toAcceptance(hex(old), { created_at: NOW }), next), sign(bare, old)]) {
    assert.equal(codeOf(fromEvent(other, pureSchnorr)), "foreign_event");
  }
  assert.equal(codeOf(fromEvent(sign({ ...event, kind: 3165 }, old), pureSchnorr)), "foreign_event");
  assert.equal(codeOf(fromEvent(sign({ ...event, content: "{}" }, old), pureSchnorr)), "foreign_event");
});

test("somebody else's rotation of a key is a statement about their own", () => {
  const forged = sign({ ...rotate(old, next) }, thief);
  assert.equal(codeOf(fromEvent(forged, pureSchnorr)), "rotation_invalid");
  assert.deepEqual(keysSince(hex(old), [read(rotate(thief, next))]), [hex(old)]);
});

test("keys are followed through several rotations, the same one said twice being one", () => {
  const statements = [rotate(old, next), rotate(old, next, NOW + 5), rotate(next, third)].map(read);
  assert.deepEqual(keysSince(hex(old), statements), [hex(old), hex(next), hex(third)]);
  assert.deepEqual(keysSince(hex(third), statements), [hex(third)]);
});

test("of two successors none is believed, whatever the dates say", () => {
  for (const at of [NOW - 100_000, NOW, NOW + 100_000]) {
    const answer = keysSince(hex(old), [rotate(old, next), rotate(old, thief, at)].map(read));
    assert.equal(codeOf(answer), "rotation_conflict");
    assert.deepEqual(isRejection(answer) && answer.details?.successors, [hex(next), hex(thief)]);
  }
  const later = [rotate(old, next), rotate(next, third), rotate(next, thief)].map(read);
  assert.equal(codeOf(keysSince(hex(old), later)), "rotation_conflict");
});

test("a circle, and more rotations than anybody makes, lead nowhere", () => {
  assert.equal(codeOf(keysSince(hex(old), [rotate(old, next), rotate(next, old)].map(read))), "rotation_conflict");
  const many = Array.from({ length: 12 }, (_, index) => read(rotate(key(index + 10), key(index + 11))));
  assert.equal(codeOf(keysSince(hex(key(10)), many)), "rotation_conflict");
});

test("a key that was given up has no successor, whether it named one before or after", () => {
  const gone = revoke(old);
  assert.equal(revocationIn(gone)?.reason, "stolen");
  assert.equal(codeOf(keysSince(hex(old), [read(gone)])), "key_revoked");
  assert.equal(codeOf(keysSince(hex(old), [read(rotate(old, next)), read(gone)])), "key_revoked");
  assert.equal(codeOf(keysSince(hex(old), [read(rotate(old, next)), read(revoke(next))])), "key_revoked");
  assert.deepEqual(keysSince(hex(next), [read(gone)]), [hex(next)]);
});
