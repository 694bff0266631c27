import assert from "node:assert/strict";
import { test } from "node:test";
import { hexToBytes } from "@noble/hashes/utils.js";
import { encodeInvoice } from "../core/bolt11.ts";
import { sha256Hex } from "../core/hash.ts";
import { msats } from "../core/money.ts";
import { isRejection } from "../core/refusal.ts";
import * as follows from "./00003-follows.ts";
import * as report from "./01984-report.ts";
import * as attestation from "./01985-run-attestation.ts";
import * as zap from "./09735-zap.ts";
import * as rating from "./30054-rating.ts";
import { refuseKind } from "./kinds.ts";
import { pureSchnorr } from "./schnorr.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "./template.ts";
import { type NostrEvent, type VerifiedEvent, verifyEvent } from "./verify.ts";

const NOW = 1_766_000_000;
const key = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);
const [author, rater, worker, provider, stranger] = [key(1), key(2), key(3), key(4), key(5)];
const LISTING = `30051:${publicKeyOf(author)}:openagents.upgrade.nightly-index`;

function sign(template: EventTemplate, by: Uint8Array): VerifiedEvent {
  const event = verifyEvent(signEvent(template, by, key(9)), pureSchnorr);
  assert.ok(!isRejection(event));
  return event;
}
function retag(template: EventTemplate, name: string, ...values: readonly string[]): EventTemplate {
  const kept = template.tags.filter((tag) => tag[0] !== name);
  return { ...template, tags: values.length === 0 ? kept : [...kept, [name, ...values]] };
}
const codeOf = (result: object): string => (isRejection(result) ? result.code : "accepted");
const messageOf = (result: object): string => (isRejection(result) ? result.message : "accepted");

const rated = rating.toEvent(
  { listing: LISTING, stars: 4, review: "Works.", evidence: { kind: "attestation", event_id: "a".repeat(64) } },
  { created_at: NOW },
);

test("a rating names the listing's full address, its stars, its review and its proof", () => {
  const event = sign(rated, rater);
  assert.deepEqual(rating.fromEvent(event), {
    event_id: event.id,
    created_at: NOW,
    rater: publicKeyOf(rater),
    listing: LISTING,
    author: publicKeyOf(author),
    stars: 4,
    review: "Works.",
    evidence: { kind: "attestation", event_id: "a".repeat(64) },
  });
  assert.ok(!isRejection(rating.fromEvent(sign(retag(rated, "e"), rater))));
});

test("another application's 30054 is foreign, and one that contradicts itself is refused", () => {
  assert.equal(codeOf(rating.fromEvent(sign(retag(rated, "L"), rater))), "foreign_event");
  assert.equal(codeOf(rating.fromEvent(sign({ ...rated, kind: 30053 }, rater))), "foreign_event");
  const wrong: readonly EventTemplate[] = [
    ...["0", "6", "4.5", "five", "04", ""].map((stars) => retag(rated, "rating", stars)),
    retag(rated, "rating"),
    { ...rated, tags: [...rated.tags, ["rating", "5"]] },
    retag(rated, "d", "openagents.upgrade.nightly-index"),
    retag(rated, "d", LISTING.toUpperCase()),
    retag(rated, "a", `${LISTING}2`),
    retag(rated, "p", publicKeyOf(stranger)),
    { ...rated, content: "x".repeat(2_001) },
  ];
  for (const template of wrong) {
    assert.equal(codeOf(rating.fromEvent(sign(template, rater))), "event_tag_mismatch", JSON.stringify(template.tags));
  }
});

const run = {
  owner: publicKeyOf(rater),
  listing: LISTING,
  release_event_id: "b".repeat(64),
  manifest_sha256: "c".repeat(64),
  run_sha256: "d".repeat(64),
};

test("an attestation names release, manifest and run, and nothing of what the run did", () => {
  const event = sign(attestation.toEvent(run, { created_at: NOW }), worker);
  assert.deepEqual(attestation.fromEvent(event), {
    ...run,
    event_id: event.id,
    created_at: NOW,
    worker: publicKeyOf(worker),
  });
  assert.equal(event.content, "");
  const nobodys = sign(attestation.toEvent({ ...run, owner: null }, { created_at: NOW }), worker);
  assert.equal((attestation.fromEvent(nobodys) as { owner: string | null }).owner, null);
});

test("a label that says something else is foreign, and an attestation without its facts is refused", () => {
  const template = attestation.toEvent(run, { created_at: NOW });
  const yank = retag(template, "l", "yank", "openagents.upgrade");
  assert.equal(codeOf(attestation.fromEvent(sign(yank, worker))), "foreign_event");
  for (const [name, value] of [
    ["a", "30051:x:y"],
    ["e", "x"],
    ["x", ""],
    ["run", "d".repeat(63)],
  ] as const) {
    assert.equal(codeOf(attestation.fromEvent(sign(retag(template, name, value), worker))), "event_tag_mismatch", name);
  }
  const owner = { ...template, tags: [...template.tags.filter(([name]) => name !== "p"), ["p", "x", "", "owner"]] };
  assert.equal(codeOf(attestation.fromEvent(sign(owner, worker))), "event_tag_mismatch");
});

test("a report is read as NIP-56 says, and its reason is one of its words", () => {
  const said = { listing: LISTING, manifest_event_id: "b".repeat(64), reason: "malware", text: "It mines." } as const;
  const template = report.toEvent(said, { created_at: NOW });
  const event = sign(template, rater);
  assert.deepEqual(report.fromEvent(event), {
    ...said,
    event_id: event.id,
    created_at: NOW,
    reporter: publicKeyOf(rater),
  });
  assert.equal(codeOf(report.fromEvent(sign(retag(template, "a"), rater))), "foreign_event");
  const boring = retag(template, "p", publicKeyOf(author), "boring");
  assert.equal(codeOf(report.fromEvent(sign(boring, rater))), "event_tag_mismatch");
  assert.equal(
    codeOf(report.fromEvent(sign(retag(template, "p", publicKeyOf(stranger), "spam"), rater))),
    "event_tag_mismatch",
  );
  assert.equal(
    codeOf(report.fromEvent(sign({ ...template, content: "x".repeat(2_001) }, rater))),
    "event_tag_mismatch",
  );
});

test("a follow list gives each key once, without its author and without what is no key", () => {
  const template = follows.toEvent([publicKeyOf(rater), "npub1x", publicKeyOf(rater), publicKeyOf(author)], {
    created_at: NOW,
  });
  const list = follows.fromEvent(sign(template, author));
  assert.deepEqual(isRejection(list) ? list : list.follows, [publicKeyOf(rater)]);
  assert.equal(codeOf(follows.fromEvent(sign({ ...template, kind: 1 }, author))), "foreign_event");
});

interface ZapParts {
  readonly amount_msats: number | null;
  readonly request: EventTemplate;
  readonly describe: string | null;
  readonly by: Uint8Array;
  readonly more: readonly (readonly string[])[];
  readonly preimage: string;
  readonly network: "bitcoin" | "regtest";
}
const request: EventTemplate = {
  kind: 9734,
  created_at: NOW,
  content: "Thanks",
  tags: [
    ["relays", "wss://relay.example.com"],
    ["amount", "21000"],
    ["p", publicKeyOf(author)],
    ["a", LISTING],
  ],
};
/** A receipt as a recipient's LNURL server signs it, with a real invoice. */
function receipt(change: Partial<ZapParts> = {}): VerifiedEvent {
  const parts: ZapParts = {
    amount_msats: 21_000,
    request,
    describe: null,
    by: provider,
    more: [],
    preimage: "e".repeat(64),
    network: "bitcoin",
    ...change,
  };
  const signed: NostrEvent = signEvent(parts.request, rater, key(9));
  const description = parts.describe ?? JSON.stringify(signed);
  const bolt11 = encodeInvoice(
    {
      network: parts.network,
      amount_msats: parts.amount_msats === null ? null : msats(parts.amount_msats),
      timestamp_s: NOW,
      payment_hash: sha256Hex(hexToBytes("e".repeat(64))),
      payment_secret: "f".repeat(64),
      describes: { description_hash: sha256Hex(JSON.stringify(signed)) },
    },
    key(8),
  );
  const tags = [
    ["p", publicKeyOf(author)],
    ["P", signed.pubkey],
    ["a", LISTING],
    ["bolt11", bolt11],
    ["description", description],
    ["preimage", parts.preimage],
  ];
  const names = new Set(parts.more.map(([name]) => name));
  return sign(
    {
      kind: 9735,
      created_at: NOW + 5,
      content: "",
      tags: [...tags.filter(([name]) => !names.has(name)), ...parts.more],
    },
    parts.by,
  );
}
const read = (event: VerifiedEvent): object => zap.fromEvent(event, publicKeyOf(provider), pureSchnorr);

test("a zap counts when the author's wallet signed it over an invoice for its request and amount", () => {
  const event = receipt();
  assert.deepEqual(read(event), {
    event_id: event.id,
    created_at: NOW + 5,
    listing: LISTING,
    sender: publicKeyOf(rater),
    recipient: publicKeyOf(author),
    amount_msats: 21_000,
    payment_hash: sha256Hex(hexToBytes("e".repeat(64))),
  });
});

test("a zap that anybody could have made up is ignored, and why is said", () => {
  const other = (name: string, ...values: readonly string[]): EventTemplate => retag(request, name, ...values);
  const cases: readonly (readonly [Partial<ZapParts>, RegExp])[] = [
    [{ by: stranger }, /not signed by the key of the author's wallet/],
    [{ amount_msats: 1_000 }, /not for the amount asked/],
    [{ amount_msats: null }, /names no amount/],
    [{ network: "regtest" }, /payments cost nothing/],
    [{ describe: "{}" }, /not a signed event/],
    [{ describe: "thanks" }, /not a zap request/],
    [{ describe: JSON.stringify(signEvent(other("amount"), rater, key(9))) }, /not for this request/],
    [{ describe: JSON.stringify({ ...signEvent(request, rater, key(9)), content: "forged" }) }, /not a signed event/],
    [{ request: { ...request, kind: 1 } }, /of another kind/],
    [{ request: other("p", publicKeyOf(stranger)) }, /to somebody else/],
    [{ request: other("a", `${LISTING}2`) }, /for another listing/],
    [{ more: [["p", publicKeyOf(stranger)]] }, /not the listing's author/],
    [{ more: [["P", publicKeyOf(stranger)]] }, /not who asked for it/],
    [{ more: [["bolt11", "lnbc1forged"]] }, /not valid/],
    [{ preimage: "1".repeat(64) }, /of another payment/],
  ];
  for (const [change, why] of cases) {
    const result = read(receipt(change));
    assert.equal(codeOf(result), "zap_invalid", why.source);
    assert.match(messageOf(result), why);
  }
  assert.match(messageOf(zap.fromEvent(receipt(), null, pureSchnorr)), /names no wallet/);
  assert.equal(codeOf(read(receipt({ more: [["a", "30023:x:y"]] }))), "foreign_event");
});

test("the relay takes zaps and reports only about listings, and never a bare zap request", () => {
  assert.equal(refuseKind(receipt()), null);
  assert.equal(refuseKind({ kind: 9735, tags: [] })?.code, "kind_not_relayed");
  assert.equal(refuseKind({ kind: 1984, tags: [["p", "x", "spam"]] })?.code, "kind_not_relayed");
  assert.equal(refuseKind({ kind: 1984, tags: [["a", LISTING]] }), null);
  assert.equal(refuseKind({ kind: 9734, tags: [["a", LISTING]] })?.code, "kind_not_relayed");
  assert.equal(refuseKind({ kind: 30384, tags: [["d", LISTING]] })?.code, "kind_not_relayed");
  assert.equal(refuseKind({ kind: 3, tags: [] }), null);
});
