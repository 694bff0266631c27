import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "../core/refusal.ts";
import { toRevocation } from "./03164-key-rotation.ts";
import { pureSchnorr } from "./schnorr.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "./template.ts";
import { type VerifiedEvent, verifyEvent } from "./verify.ts";
import { fromEvent, isYanked, type PinnedRelease, toEvents } from "./yank.ts";

const key = new Uint8Array(32).fill(7);
const stranger = new Uint8Array(32).fill(8);
const author = publicKeyOf(key);
const hex = (digit: string): string => digit.repeat(64);
const pinned: PinnedRelease = {
  author_pubkey: author,
  upgrade_address: `30051:${author}:me.watch`,
  upgrade_id: "me.watch",
  upgrade_version: "1.0.0",
  manifest_event_id: hex("a"),
  release_event_id: hex("b"),
  released_at: 1_000,
};
const release = { author, slug: "me.watch", version: "1.0.0", event_id: hex("b") };

function signed(template: EventTemplate, secret: Uint8Array = key): VerifiedEvent {
  const event = verifyEvent(signEvent(template, secret, new Uint8Array(32)), pureSchnorr);
  assert.ok(!isRejection(event), JSON.stringify(event));
  return event;
}
const takes = (template: EventTemplate, from: PinnedRelease = pinned, secret: Uint8Array = key): boolean => {
  const yank = fromEvent(signed(template, secret));
  return yank !== null && isYanked(yank, from);
};

test("the label and the deletion each take the release back, with the author's words", () => {
  for (const template of toEvents(release, { created_at: 2_000, reason: "leaks the token" })) {
    assert.equal(takes(template), true, `kind ${template.kind}`);
    assert.equal(fromEvent(signed(template))?.reason, "leaks the token");
  }
});

test("without the release's id its address is enough", () => {
  const templates = toEvents({ ...release, event_id: null }, { created_at: 2_000, reason: "" });
  assert.deepEqual(
    templates.map((template) => takes(template)),
    [true, true],
  );
});

test("another version, another upgrade and what was released later are not concerned", () => {
  const [label] = toEvents(release, { created_at: 2_000, reason: "" });
  assert.equal(takes(label, { ...pinned, release_event_id: hex("c"), upgrade_version: "1.0.1" }), false);
  assert.equal(takes(label, { ...pinned, release_event_id: hex("c"), upgrade_id: "me.other" }), false);
  assert.equal(takes(label, { ...pinned, release_event_id: hex("c"), released_at: 2_001 }), false);
});

test("nobody but the author takes anything back", () => {
  for (const template of toEvents(release, { created_at: 2_000, reason: "" })) {
    assert.equal(takes(template, pinned, stranger), false);
  }
});

test("deleting the whole listing takes back what it held until then", () => {
  const deletion = { kind: 5, created_at: 2_000, content: "", tags: [["a", pinned.upgrade_address]] };
  assert.equal(takes(deletion), true);
  assert.equal(takes(deletion, { ...pinned, released_at: 3_000 }), false);
});

test("other labels and other events take nothing back", () => {
  const tags = [["e", hex("b")]];
  assert.equal(takes({ kind: 1985, created_at: 2_000, content: "", tags }), false);
  assert.equal(
    takes({ kind: 1985, created_at: 2_000, content: "", tags: [["l", "yank", "elsewhere"], ...tags] }),
    false,
  );
  assert.equal(takes({ kind: 1, created_at: 2_000, content: "", tags }), false);
  assert.equal(fromEvent(signed({ kind: 5, created_at: 2_000, content: "", tags: [] })), null);
});

test("a revoked key takes back everything it ever released, whatever date it bears", () => {
  const revocation = toRevocation({ created_at: 2_000, reason: "the laptop was stolen" });
  assert.equal(fromEvent(signed(revocation))?.reason, "the laptop was stolen");
  assert.equal(takes(revocation, { ...pinned, released_at: 9_999 }), true);
  assert.equal(takes(revocation, pinned, stranger), false);
});
