import assert from "node:assert/strict";
import { test } from "node:test";
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import { pureSchnorr } from "./schnorr.ts";
import { eventHash, type NostrEvent, verifyEvent } from "./verify.ts";

const key = generateSecretKey();
const sign = (content = "héllo 🌙", tags: string[][] = [["d", "x"]]): NostrEvent =>
  JSON.parse(JSON.stringify(finalizeEvent({ kind: 1, created_at: 1_700_000_000, tags, content }, key)));
const code = (raw: unknown): string => {
  const result = verifyEvent(raw, pureSchnorr);
  return isRejection(result) ? result.code : "ok";
};

test("a signed event is accepted as a fresh copy of its seven fields", () => {
  const raw = { ...sign(), extra: 1 };
  const event = verifyEvent(raw, pureSchnorr);
  assert.ok(!isRejection(event));
  assert.deepEqual(Object.keys(event).sort(), ["content", "created_at", "id", "kind", "pubkey", "sig", "tags"]);
  assert.notEqual(event.tags, raw.tags);
});

test("an event that nostr-tools has marked as verified and that was changed after is refused", () => {
  const signed = finalizeEvent({ kind: 1, created_at: 1, tags: [], content: "true" }, key);
  assert.equal(code({ ...signed, content: "forged" }), "event_id_mismatch");
});

test("an altered event with a recomputed id is refused for its signature", () => {
  const forged = { ...sign(), content: "forged" };
  const id = Buffer.from(eventHash(forged)).toString("hex");
  assert.equal(code({ ...forged, id }), "signature_invalid");
});

test("a signature by another key, or one that is not a point, is refused", () => {
  assert.equal(code({ ...sign(), sig: "0".repeat(128) }), "signature_invalid");
  const other = finalizeEvent({ kind: 1, created_at: 1, tags: [], content: "" }, generateSecretKey());
  assert.equal(code({ ...sign(), sig: other.sig }), "signature_invalid");
});

test("anything that is not an event is refused as malformed", () => {
  const event = sign();
  const bad: unknown[] = [
    null,
    "event",
    [],
    {},
    { ...event, id: event.id.toUpperCase() },
    { ...event, pubkey: event.pubkey.slice(2) },
    { ...event, sig: `${event.sig}00` },
    { ...event, created_at: 1.5 },
    { ...event, created_at: -1 },
    { ...event, created_at: LIMITS.nostr_created_at_s + 1 },
    { ...event, kind: 65_536 },
    { ...event, kind: "1" },
    { ...event, content: 1 },
    { ...event, content: "\ud800" },
    { ...event, tags: {} },
    { ...event, tags: [[]] },
    { ...event, tags: [["a", 1]] },
    { ...event, tags: [["a", "\udfff"]] },
  ];
  for (const raw of bad) assert.equal(code(raw), "event_malformed", JSON.stringify(raw)?.slice(0, 200));
});

test("an event over a limit is refused before its signature costs anything", () => {
  const spy = { calls: 0 };
  const verify = (raw: unknown) =>
    verifyEvent(
      raw,
      () => {
        spy.calls += 1;
        return true;
      },
      { content_bytes: 10, tags: 2, tag_values: 2, tag_value_bytes: 4 },
    );
  for (const raw of [
    sign("éééééé", []),
    sign("", [["a"], ["b"], ["c"]]),
    sign("", [["a", "b", "c"]]),
    sign("", [["a", "ééé"]]),
  ]) {
    const result = verify(raw);
    assert.ok(isRejection(result) && result.code === "event_too_large");
  }
  assert.equal(spy.calls, 0);
  assert.ok(!isRejection(verify(sign("éé🌙", [["a", "🌙"]]))));
});
