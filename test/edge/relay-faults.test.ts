import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { beginSync, syncSet } from "@oa/shared/nostr/negentropy.ts";
import { shardOfKey } from "@oa/shared/nostr/relay-shard.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { type Client, connect, eventually, openTestEdge, ROOT, signed, type TestEdge } from "./fixture.ts";

/** The relay with shards that fail where a test says so (test/fakes/failing-shard.js); all else of it is real. */
const L = ["L", "openagents.upgrade"];
const PARTS = { RELAY_SHARDS: "4", RELAY_DOORS: "2" };
const keyIn = (shard: number): Uint8Array => {
  for (;;) {
    const key = generateSecretKey();
    if (shardOfKey(getPublicKey(key), 4) === shard) return key;
  }
};
const addressOf = (door: number): string => {
  for (let last = 1; ; last += 1) {
    const address = `198.51.100.${last}`;
    if (Number.parseInt(sha256Hex(address).slice(0, 8), 16) % 2 === door) return address;
  }
};
const note = (key: Uint8Array, content: string, fault = ""): NostrEvent =>
  signed(key, { kind: 1, tags: [L, ["t", fault]], content });

let host: TestEdge;
const clients: Client[] = [];
before(async () => {
  host = await openTestEdge(PARTS, await readFile(join(ROOT, "test/fakes/failing-shard.js"), "utf8"));
});
after(async () => {
  for (const each of clients) await each.close();
  await host.close();
});
const open = async (door: number): Promise<Client> => {
  const client = await connect(host.edge().relay_url, addressOf(door));
  clients.push(client);
  return client;
};
/** Clients of both doors that wait for what one author publishes. */
async function waitFor(key: Uint8Array): Promise<readonly Client[]> {
  const waiting = [await open(0), await open(1)];
  for (const client of waiting) {
    client.send(["REQ", "live", { authors: [getPublicKey(key)] }]);
    assert.deepEqual(await client.next(), ["EOSE", "live"]);
  }
  return waiting;
}

test("what a shard stored and did not tell of when it died is told when it is back, though nobody asks it anything", async () => {
  const key = keyIn(0);
  const waiting = await waitFor(key);
  const publisher = await open(0);
  const event = note(key, "before", "dies before it tells");
  publisher.send(["EVENT", event]);
  for (const client of waiting) assert.deepEqual(await client.next(), ["EVENT", "live", event]);
  assert.equal(host.log.filter((line) => line === "the shard dies").length, 1);
  const later = note(key, "later");
  assert.equal((await publisher.publish(later))[2], true);
  for (const client of waiting) assert.deepEqual(await client.next(), ["EVENT", "live", later]);
});

test("what a shard told of before it died is told to its doors again, and to no subscription, though the doors slept", async () => {
  const key = keyIn(1);
  const waiting = await waitFor(key);
  const event = note(key, "after", "dies after it tells");
  waiting[0]?.send(["EVENT", event]);
  for (const client of waiting) assert.deepEqual((await client.until("EVENT")).at(-1), ["EVENT", "live", event]);
  const told = (): number => host.log.filter((line) => line === "told after").length;
  await eventually(async () => told() >= 3);
  const later = note(key, "later");
  const publisher = await open(1);
  assert.equal((await publisher.publish(later))[2], true);
  for (const client of waiting) assert.deepEqual((await client.until("EVENT")).at(-1), ["EVENT", "live", later]);
});

test("an event whose answer is lost may have been stored, which its OK says: it is told live, and is safe to publish again", async () => {
  const key = keyIn(2);
  const waiting = await waitFor(key);
  const publisher = await open(0);
  const event = note(key, "unanswered", "loses its answer");
  const [, id, accepted, reason] = await publisher.publish(event);
  assert.deepEqual([id, accepted], [event.id, false]);
  assert.equal(reason, "error: it is not known whether this event was stored: publish it again, which is safe");
  for (const client of waiting) assert.deepEqual(await client.next(), ["EVENT", "live", event]);
  const repeated = await publisher.publish(event);
  assert.deepEqual(repeated, ["OK", event.id, true, "duplicate: this event is stored already"]);
  const later = note(key, "later");
  assert.equal((await publisher.publish(later))[2], true);
  for (const client of waiting) assert.deepEqual(await client.next(), ["EVENT", "live", later]);
});

test("a shard that does not answer holds up nobody else, is asked little until it answers, and serves again then", async () => {
  const [greedy, calm] = [await open(0), await open(0)];
  const silent = keyIn(3);
  const hanging = note(silent, "hanging", "hangs");
  for (let sent = 0; sent < LIMITS.relay_in_hand + 500; sent += 1) greedy.send(["EVENT", hanging]);
  const answers = greedy.next();
  const first = await Promise.race([answers, calm.publish(note(keyIn(0), "calm"))]);
  assert.equal(first[2], true);
  assert.equal((await calm.query({ authors: [getPublicKey(keyIn(1))] })).length, 0);
  for (let sent = 0; sent < LIMITS.relay_in_hand + 500; sent += 1) {
    const [verb, id, accepted, reason] = sent === 0 ? await answers : await greedy.next();
    assert.deepEqual([verb, id, accepted], ["OK", hanging.id, false]);
    assert.match(String(reason), /^error: (it is not known whether|a part of the relay cannot)/);
  }
  assert.deepEqual((await greedy.publish(note(silent, "well again")))[2], true);
});

test("a key is who it says it is though a shard cannot listen for it: its subscriptions close, and it reads what is its own", async () => {
  const key = keyIn(1);
  const [client, sender] = [await open(0), await open(1)];
  client.send(["REQ", "own", { kinds: [1059] }]);
  const challenge = String((await client.next())[1]);
  await client.next();
  const wrapper = keyIn(2);
  client.send(["REQ", "inbox", { authors: [getPublicKey(wrapper)] }]);
  client.send(["REQ", "words", { search: "zymurgy" }]);
  await client.until("EOSE");
  await client.until("EOSE");
  assert.equal((await client.authenticate(key, challenge))[2], true);
  assert.deepEqual(await client.next(), ["CLOSED", "inbox", "rate-limited: some new events did not arrive: ask again"]);
  const wrap = signed(wrapper, { kind: 1059, tags: [["p", getPublicKey(key)]], content: "sealed" });
  assert.equal((await sender.publish(wrap))[2], true);
  assert.deepEqual(await client.query({ kinds: [1059] }), [wrap]);
  client.send(["REQ", "inbox", { authors: [getPublicKey(wrapper)], limit: 0 }]);
  assert.deepEqual(await client.next(), ["EOSE", "inbox"]);
  const second = signed(wrapper, { kind: 1059, tags: [["p", getPublicKey(key)]], content: "sealed again" });
  assert.equal((await sender.publish(second))[2], true);
  assert.deepEqual(await client.next(), ["EVENT", "inbox", second]);
});

test("comparisons under way hold a limited number of events together, which is given back", async () => {
  const begin = beginSync(syncSet([]));
  const each = LIMITS.sync_sessions_per_connection;
  const hanging = LIMITS.sync_held_events / LIMITS.sync_events;
  const holders: Client[] = [];
  for (let index = 0; index < hanging / each; index += 1) {
    const client = await open(0);
    holders.push(client);
    // While it is open how many it will be, it counts for as many as it may be.
    for (let one = 0; one < each; one += 1) client.send(["NEG-OPEN", `n${one}`, { "#t": ["hangs"] }, begin]);
    client.send(["NEG-OPEN", "more", {}, begin]);
  }
  const late = await open(0);
  const ask = async (filter: object): Promise<string> => {
    late.send(["NEG-OPEN", "late", filter, begin]);
    const [verb, , reason] = await late.next();
    return verb === "NEG-ERR" ? String(reason) : String(verb);
  };
  await eventually(async () => (await ask({ authors: [getPublicKey(keyIn(0))] })).startsWith("blocked: "));
  assert.match(await ask({ limit: 1 }), /^blocked: there is room for comparing 0 events/);
  for (const client of holders) {
    for (const _ of [...Array(each).keys(), "more"]) assert.equal((await client.next())[0], "NEG-ERR");
  }
  await eventually(async () => (await ask({ authors: [getPublicKey(keyIn(0))] })) === "NEG-MSG");
});
