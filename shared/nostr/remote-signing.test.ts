import assert from "node:assert/strict";
import { test } from "node:test";
import { encrypt, getConversationKey } from "nostr-tools/nip44";
import { parseBunkerInput, toBunkerURL } from "nostr-tools/nip46";
import { isRejection } from "../core/refusal.ts";
import { bunkerAddress, connectAddress, fromEvent, parseBunker, toEvent } from "./remote-signing.ts";
import { pureSchnorr } from "./schnorr.ts";
import { checkSigned } from "./signed.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "./template.ts";
import { type VerifiedEvent, verifyEvent } from "./verify.ts";

const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const [client, signer, author, stranger] = [key(1), key(2), key(3), key(4)];
const hex = publicKeyOf;
const codeOf = (value: unknown): string => (isRejection(value) ? value.code : "ok");

test("a signer's address is read as others write it, and written as others read it", async () => {
  const bunker = { signer: hex(signer), relays: ["wss://a.example/x", "ws://127.0.0.1:1/"], secret: "s p&ce" };
  assert.deepEqual(parseBunker(toBunkerURL({ ...bunker, pubkey: bunker.signer })), bunker);
  const written = bunkerAddress(bunker);
  assert.ok(!written.includes("secret"));
  const { pubkey, relays, secret } = (await parseBunkerInput(written)) ?? {};
  assert.deepEqual([pubkey, relays, secret], [bunker.signer, bunker.relays, null]);
});

test("what is no signer's address is wrong usage, and its secret is not repeated", () => {
  for (const text of [
    "bunker://",
    `bunker://${hex(signer)}`,
    `bunker://${hex(signer)}?relay=https%3A%2F%2Fa.example&secret=hush`,
    `bunker://${hex(signer).toUpperCase()}?relay=wss%3A%2F%2Fa.example`,
    `bunker://${hex(signer)}?relay=%E0%A4%A`,
    `bunker://${hex(signer)}?${Array.from({ length: 9 }, (_, n) => `relay=wss://${n}.example`).join("&")}`,
    `nostrconnect://${hex(signer)}?relay=wss%3A%2F%2Fa.example`,
  ]) {
    const answer = parseBunker(text);
    assert.ok(isRejection(answer) && answer.code === "usage", text);
    assert.ok(!answer.message.includes("hush"));
  }
});

test("an address to connect by names client, relays, secret and what will be signed", () => {
  const url = new URL(connectAddress({ client: hex(client), relays: ["wss://a.example"], secret: "x y", name: "OA" }));
  assert.equal(url.host, hex(client));
  assert.deepEqual(url.searchParams.getAll("relay"), ["wss://a.example"]);
  assert.equal(url.searchParams.get("secret"), "x y");
  assert.match(url.searchParams.get("perms") ?? "", /sign_event:30051,sign_event:30052/);
});

function answer(value: unknown, from = signer, to = client): VerifiedEvent {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const content = encrypt(text, getConversationKey(from, hex(to)));
  const event = verifyEvent(
    signEvent({ kind: 24133, created_at: 1, tags: [["p", hex(to)]], content }, from, key(9)),
    pureSchnorr,
  );
  assert.ok(!isRejection(event));
  return event;
}

test("a request can be read by its signer alone, and an answer by its client alone", () => {
  const request = { id: "1", method: "sign_event", params: ["{}"] } as const;
  const sealed = { signer: hex(signer), client_key: client, nonce: key(7), created_at: 1 };
  const template = toEvent(request, sealed);
  assert.deepEqual([template.kind, template.tags], [24133, [["p", hex(signer)]]]);
  const [event] = [verifyEvent(signEvent(template, client, key(9)), pureSchnorr)];
  assert.ok(!isRejection(event));
  assert.deepEqual(fromEvent(event, signer), request);
  assert.equal(codeOf(fromEvent(event, stranger)), "signer_answer_wrong");
  assert.deepEqual(fromEvent(answer({ id: "1", result: "ack" }), client), { id: "1", result: "ack" });
});

test("an answer that is no answer is refused", () => {
  for (const value of ["", "[]", "{", { result: "x" }, { id: "", result: "x" }, { id: "1", result: { id: 1 } }]) {
    const text = value === "" ? " " : value;
    assert.equal(codeOf(fromEvent(answer(text), client)), "signer_answer_wrong", JSON.stringify(value));
  }
});

const wanted: EventTemplate = {
  kind: 30051,
  created_at: 5,
  tags: [
    ["d", "a"],
    ["t", "b"],
  ],
  content: "hello",
};
const signed = (change: Partial<EventTemplate>, by = author) => signEvent({ ...wanted, ...change }, by, key(9));

test("what a signer gives back is what it was asked for, or it is refused", () => {
  assert.equal(codeOf(checkSigned(signed({}), wanted, hex(author), pureSchnorr)), "ok");
  for (const [why, event] of [
    ["another key", signed({}, stranger)],
    ["another kind", signed({ kind: 30052 })],
    ["another time", signed({ created_at: 6 })],
    ["another content", signed({ content: "hello!" })],
    ["a tag more", signed({ tags: [...wanted.tags, ["client", "x"]] })],
    ["a tag less", signed({ tags: wanted.tags.slice(1) })],
    ["another order", signed({ tags: [...wanted.tags].reverse() })],
    ["a forged signature", { ...signed({}), sig: signed({ content: "x" }).sig }],
    ["a forged id", { ...signed({}), id: "0".repeat(64) }],
    ["no event", "signed"],
  ] as const) {
    assert.equal(codeOf(checkSigned(event, wanted, hex(author), pureSchnorr)), "signer_answer_wrong", why);
  }
});
