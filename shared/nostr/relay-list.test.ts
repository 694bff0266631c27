import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import { fromEvent, publicRelay } from "./relay-list.ts";
import type { VerifiedEvent } from "./verify.ts";

const event = (tags: readonly (readonly string[])[], kind = 10002): VerifiedEvent =>
  ({
    id: "b".repeat(64),
    pubkey: "a".repeat(64),
    created_at: 1,
    kind,
    tags,
    content: "",
    sig: "",
  }) as unknown as VerifiedEvent;

test("a relay list says where its author writes and reads; without a marker it is both", () => {
  const list = fromEvent(
    event([
      ["r", "wss://both.example.com"],
      ["r", "wss://w.example.com/x", "write"],
      ["r", "wss://r.example.com", "read"],
    ]),
  );
  assert.ok(!isRejection(list));
  assert.deepEqual(list.write, ["wss://both.example.com/", "wss://w.example.com/x"]);
  assert.deepEqual(list.read, ["wss://both.example.com/", "wss://r.example.com/"]);
  assert.ok(isRejection(fromEvent(event([], 3))));
});

test("one relay in two spellings is one, and a list has a limited number", () => {
  const spellings = ["wss://A.example.com", "wss://a.example.com:443/", "wss://a.example.com./"];
  assert.deepEqual([...new Set(spellings.map(publicRelay))], ["wss://a.example.com/"]);
  const many = fromEvent(event(Array.from({ length: 100 }, (_, index) => ["r", `wss://r${index}.example.com`])));
  assert.equal(isRejection(many) ? 0 : many.write.length, LIMITS.relay_list_relays);
});

test("what is no public relay is none", () => {
  for (const url of [
    "ws://relay.example.com",
    "https://relay.example.com",
    "wss://relay",
    "wss://localhost",
    "wss://printer.local",
    "wss://db.internal",
    "wss://x.home.arpa",
    "wss://hidden.onion",
    "wss://127.0.0.1",
    "wss://2130706433",
    "wss://0x7f.1",
    "wss://10.0.0.1:8080",
    "wss://[::1]",
    "wss://[::ffff:127.0.0.1]",
    "wss://user:secret@relay.example.com",
    "wss://relay.example.com:0",
    "wss://relay.example.com:99999",
    "wss://relay.example.com/#x",
    "wss://relay.example.com\\@127.0.0.1",
    "wss://relay.example.com/ space",
    `wss://relay.example.com/${"x".repeat(300)}`,
    "",
  ]) {
    assert.equal(publicRelay(url), null, url);
  }
});
