import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { Relay } from "nostr-tools/relay";
import { type Client, NOW, openTestEdge, signed, type TestEdge } from "./fixture.ts";

const L = ["L", "openagents.upgrade"];
const key = generateSecretKey();
const author = getPublicKey(key);
let host: TestEdge;
let client: Client;

before(async () => {
  host = await openTestEdge();
  client = await open();
});
after(() => host.close());
const open = () => host.client();
const ids = (events: readonly NostrEvent[]) => events.map(({ id }) => id);
const refusal = (frame: readonly unknown[]) => [frame[2], String(frame[3]).split(":")[0]];

test("NIP-01: an event is stored once, found by every condition, and sent to those who wait", async () => {
  const event = signed(key, { kind: 1, tags: [L, ["t", "one"]], content: "night run" });
  const waiting = await open();
  waiting.send(["REQ", "live", { kinds: [1], authors: [author] }]);
  assert.deepEqual(await waiting.next(), ["EOSE", "live"]);
  assert.deepEqual(await client.publish(event), ["OK", event.id, true, ""]);
  assert.deepEqual(await waiting.next(), ["EVENT", "live", event]);
  assert.deepEqual(refusal(await client.publish(event)), [true, "duplicate"]);
  for (const filter of [
    { ids: [event.id] },
    { authors: [author], kinds: [1] },
    { "#t": ["one", "two"] },
    { "#L": ["openagents.upgrade"], since: NOW, until: NOW, authors: [author] },
  ]) {
    assert.deepEqual(await client.query(filter), [event]);
  }
  for (const filter of [
    { ids: ["0".repeat(64)] },
    { kinds: [2] },
    { "#t": ["two"] },
    { since: NOW + 1 },
    { limit: 0 },
  ]) {
    assert.deepEqual(await client.query({ authors: [author], ...filter }), []);
  }
  waiting.send(["CLOSE", "live"]);
  await waiting.query({ limit: 1 });
  await client.publish(signed(key, { kind: 1, tags: [L], content: "unheard" }));
  assert.deepEqual(await waiting.query({ ids: ["1".repeat(64)] }), []);
});

test("a request that follows an event on the same connection sees it once", async () => {
  const event = signed(generateSecretKey(), { kind: 1, tags: [L], content: "then asked" });
  client.send(["EVENT", event]);
  client.send(["REQ", "after", { ids: [event.id] }]);
  const frames = await client.until("EOSE");
  assert.deepEqual(frames, [
    ["OK", event.id, true, ""],
    ["EVENT", "after", event],
    ["EOSE", "after"],
  ]);
  client.send(["CLOSE", "after"]);
});

test("NIP-01: stored events come newest first, lowest id first among equals, within the limit", async () => {
  const own = generateSecretKey();
  const at = [NOW - 5, NOW - 3, NOW - 3, NOW - 9];
  const events = at.map((created_at, index) => signed(own, { kind: 1, tags: [L], content: `${index}`, created_at }));
  for (const event of events) await client.publish(event);
  const expected = [...events].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
  const authors = [getPublicKey(own)];
  assert.deepEqual(ids(await client.query({ authors })), ids(expected));
  assert.deepEqual(ids(await client.query({ authors, limit: 2 })), ids(expected.slice(0, 2)));
  assert.deepEqual(ids(await client.query({ authors, limit: 1 }, { ids: [expected[3]?.id] })).length, 2);
});

test("a filter finds what each of its authors or kinds has, however many there are, the newest of all within the limit", async () => {
  const keys = Array.from({ length: LIMITS.relay_branches + 4 }, () => generateSecretKey());
  const events = keys.map((secret, index) =>
    signed(secret, { kind: 1, created_at: NOW - index, tags: [L, ["t", "crowd"]], content: `${index}` }),
  );
  for (const event of events) assert.equal((await client.publish(event))[2], true);
  for (const count of [1, 2, 5, 6, LIMITS.relay_branches, LIMITS.relay_branches + 1, keys.length]) {
    const authors = keys.slice(0, count).map((secret) => getPublicKey(secret));
    assert.deepEqual(ids(await client.query({ authors, kinds: [1] })), ids(events.slice(0, count)), `${count} authors`);
    assert.deepEqual(ids(await client.query({ authors, limit: 2 })), ids(events.slice(0, Math.min(2, count))));
    const kinds = [1, ...Array.from({ length: count - 1 }, (_, index) => 20_001 + index)];
    const found = await client.query({ kinds, until: NOW, limit: 500 });
    assert.ok(
      events.every(({ id }) => ids(found).includes(id)),
      `${count} kinds`,
    );
  }
});

test("NIP-01: of replaceable and addressable events the newest stays, the lowest id among equals", async () => {
  const own = generateSecretKey();
  const authors = [getPublicKey(own)];
  const version = (kind: number, content: string, created_at: number, d = "a") =>
    signed(own, { kind, tags: [["d", d]], content, created_at });
  for (const kind of [10002, 30054]) {
    const first = version(kind, "first", NOW - 10);
    const newer = version(kind, "newer", NOW - 5);
    const rivals = [version(kind, "x", NOW - 1), version(kind, "y", NOW - 1)].sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(refusal(await client.publish(first)), [true, ""]);
    assert.deepEqual(refusal(await client.publish(newer)), [true, ""]);
    assert.deepEqual(refusal(await client.publish(first)), [false, "duplicate"]);
    assert.deepEqual(ids(await client.query({ authors, kinds: [kind] })), [newer.id]);
    assert.deepEqual(await client.query({ authors, kinds: [kind], "#d": ["a"] }), [newer]);
    for (const rival of [...rivals].reverse()) await client.publish(rival);
    assert.deepEqual(ids(await client.query({ authors, kinds: [kind] })), [rivals[0]?.id]);
    assert.deepEqual(refusal(await client.publish(rivals[1] ?? first)), [false, "duplicate"]);
  }
  await client.publish(version(30054, "other d", NOW, "b"));
  assert.equal((await client.query({ authors, kinds: [30054] })).length, 2);
});

test("NIP-01: an ephemeral event reaches those who wait and is not stored", async () => {
  const event = signed(key, { kind: 24133, tags: [["p", author]], content: "now" });
  const waiting = await open();
  waiting.send(["REQ", "answers", { kinds: [24133], "#p": [author] }]);
  await waiting.until("EOSE");
  assert.deepEqual(await client.publish(event), ["OK", event.id, true, ""]);
  assert.deepEqual(await waiting.next(), ["EVENT", "answers", event]);
  assert.deepEqual(await client.query({ kinds: [24133] }), []);
});

test("NIP-09: an author deletes their own events and addresses, for good, and nobody else's", async () => {
  const own = generateSecretKey();
  const pubkey = getPublicKey(own);
  const note = signed(own, { kind: 1, tags: [L], content: "regretted" });
  const rating = signed(own, { kind: 30054, tags: [["d", "r"]], created_at: NOW - 10 });
  for (const event of [note, rating]) await client.publish(event);
  const targets = [
    ["e", note.id],
    ["a", `30054:${pubkey}:r`],
  ];
  await client.publish(signed(generateSecretKey(), { kind: 5, tags: targets }));
  assert.equal((await client.query({ authors: [pubkey], kinds: [1, 30054] })).length, 2);
  const deletion = signed(own, { kind: 5, tags: targets, created_at: NOW - 5 });
  await client.publish(deletion);
  assert.deepEqual(await client.query({ authors: [pubkey], kinds: [1, 30054] }), []);
  assert.deepEqual(await client.query({ "#d": ["r"], authors: [pubkey] }), []);
  for (const event of [note, rating]) assert.deepEqual(refusal(await client.publish(event)), [false, "blocked"]);
  const later = signed(own, { kind: 30054, tags: [["d", "r"]], created_at: NOW });
  assert.deepEqual(refusal(await client.publish(later)), [true, ""]);
  await client.publish(signed(own, { kind: 5, tags: [["e", deletion.id]] }));
  assert.deepEqual(ids(await client.query({ ids: [deletion.id] })), [deletion.id]);
});

test("NIP-40: an expired event is refused, and one that expires is no longer shown", async () => {
  const expiring = (at: number) =>
    signed(key, { kind: 1, tags: [L, ["expiration", String(at)]], content: `until ${at}` });
  assert.deepEqual(refusal(await client.publish(expiring(NOW - 1))), [false, "invalid"]);
  const soon = expiring(Math.floor(Date.now() / 1000) + 2);
  assert.deepEqual(refusal(await client.publish(soon)), [true, ""]);
  assert.deepEqual(ids(await client.query({ ids: [soon.id] })), [soon.id]);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  assert.deepEqual(await client.query({ ids: [soon.id] }), []);
});

test("NIP-45: COUNT counts each event once over all filters", async () => {
  const own = generateSecretKey();
  const authors = [getPublicKey(own)];
  for (const content of ["a", "b", "c"])
    await client.publish(signed(own, { kind: 1, tags: [L, ["t", content]], content }));
  client.send(["COUNT", "c", { authors, "#t": ["a", "b"] }, { authors, "#t": ["b", "c"] }]);
  assert.deepEqual(await client.next(), ["COUNT", "c", { count: 3 }]);
  client.send(["COUNT", "c", { authors, search: "b" }]);
  assert.deepEqual(await client.next(), ["COUNT", "c", { count: 1 }]);
});

test("NIP-50: search finds beginnings of words in content and labels, and combines with conditions", async () => {
  const event = signed(key, { kind: 1, tags: [L, ["t", "zeppelin"]], content: "Indexing finished: 42 files" });
  await client.publish(event);
  for (const search of ["indexing", "INDEX fini", "zepp", "files language:en", '"42" (files']) {
    assert.deepEqual(ids(await client.query({ search, kinds: [1] })), [event.id], search);
  }
  assert.deepEqual(await client.query({ search: "indexing absent" }), []);
  assert.deepEqual(await client.query({ search: "indexing", kinds: [2] }), []);
});

test("NIP-70 and NIP-42: a protected event is taken from its authenticated author only", async () => {
  const own = generateSecretKey();
  const event = signed(own, { kind: 1, tags: [L, ["-"]], content: "mine" });
  const fresh = await open();
  fresh.send(["EVENT", event]);
  const [auth, ok] = [await fresh.next(), await fresh.next()];
  assert.equal(auth[0], "AUTH");
  assert.deepEqual(refusal(ok), [false, "auth-required"]);
  const challenge = String(auth[1]);
  const answer = (by: Uint8Array, tags: string[][], created_at = NOW) => signed(by, { kind: 22242, tags, created_at });
  const relay = ["relay", host.edge().relay_url];
  for (const bad of [
    answer(own, [relay, ["challenge", "wrong"]]),
    answer(own, [
      ["relay", "wss://elsewhere.example/"],
      ["challenge", challenge],
    ]),
    answer(own, [relay, ["challenge", challenge]], NOW - 3_600),
    { ...answer(own, [relay, ["challenge", challenge]]), pubkey: author },
  ]) {
    fresh.send(["AUTH", bad]);
    assert.deepEqual(refusal(await fresh.next()), [false, "invalid"]);
  }
  fresh.send(["AUTH", answer(key, [relay, ["challenge", challenge]])]);
  assert.equal((await fresh.next())[2], true);
  assert.deepEqual(refusal(await fresh.publish(event)), [false, "restricted"]);
  fresh.send(["AUTH", answer(own, [relay, ["challenge", challenge]])]);
  assert.equal((await fresh.next())[2], true);
  assert.deepEqual(refusal(await fresh.publish(event)), [true, ""]);
});

test("NIP-11: the information document is served at the relay's own address", async () => {
  const response = await fetch(host.edge().url, { headers: { accept: "application/nostr+json" } });
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  const information = (await response.json()) as { supported_nips: number[]; limitation: Record<string, number> };
  assert.equal(information.limitation.max_subscriptions, LIMITS.relay_subscriptions);
});

test("a client of nostr-tools publishes and subscribes", async () => {
  const relay = await Relay.connect(host.edge().relay_url);
  const event = finalizeEvent({ kind: 1, created_at: NOW, tags: [L], content: "by a library" }, key);
  await relay.publish(event);
  const found = await new Promise<string>((resolve) => {
    relay.subscribe([{ ids: [event.id] }], { onevent: ({ content }) => resolve(content) });
  });
  assert.equal(found, "by a library");
  relay.close();
});

test("a hundred events that arrive together are each answered, in order", async () => {
  const own = generateSecretKey();
  const events = Array.from({ length: 100 }, (_, index) => signed(own, { kind: 1, tags: [L], content: `${index}` }));
  for (const event of events) client.send(["EVENT", event]);
  for (const event of events) assert.deepEqual(await client.next(), ["OK", event.id, true, ""]);
  assert.equal((await client.query({ authors: [getPublicKey(own)] })).length, 100);
});
