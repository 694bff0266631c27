import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { beginSync, continueSync, syncSet } from "@oa/shared/nostr/negentropy.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { openRelayPool } from "@oa/worker/adapters/relay-pool.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { type Client, eventually, NOW, openTestEdge, signed, type TestEdge } from "./fixture.ts";

const [alice, bob] = [generateSecretKey(), generateSecretKey()];
const [ALICE, BOB] = [getPublicKey(alice), getPublicKey(bob)];
let host: TestEdge;
before(async () => {
  host = await openTestEdge();
});
after(() => host.close());
const open = () => host.client();
let count = 0;
const wrap = (recipient: string, kind = 1059): NostrEvent => {
  count += 1;
  return signed(generateSecretKey(), { kind, tags: [["p", recipient]], content: `sealed ${count}` });
};
/** Asks for sealed events, and proves a key when asked who it is. */
async function openAs(key: Uint8Array): Promise<Client> {
  const client = await open();
  client.send(["REQ", "who", { kinds: [1059] }]);
  const [verb, challenge] = await client.next();
  assert.equal(verb, "AUTH");
  assert.match(String((await client.next())[2]), /^auth-required: /);
  assert.equal((await client.authenticate(key, String(challenge)))[2], true);
  return client;
}

test("NIP-59: a sealed event is told to its authenticated recipient only, however it is asked for", async () => {
  const publisher = await open();
  const [for_alice, for_bob] = [wrap(ALICE), wrap(BOB)];
  for (const event of [for_alice, for_bob]) assert.equal((await publisher.publish(event))[2], true);
  const stranger = await open();
  for (const filter of [{ ids: [for_alice.id] }, { "#p": [ALICE] }, { authors: [for_alice.pubkey] }, {}]) {
    assert.deepEqual(await stranger.query(filter), [], JSON.stringify(filter));
    stranger.send(["COUNT", "c", filter]);
    assert.deepEqual(await stranger.next(), ["COUNT", "c", { count: 0 }]);
  }
  for (const verb of ["REQ", "COUNT"]) {
    stranger.send([verb, "x", { kinds: [1, 1059], "#p": [ALICE] }]);
    assert.equal((await stranger.next())[0], "AUTH");
    const [closed, , reason] = await stranger.next();
    assert.equal(closed, "CLOSED");
    assert.match(String(reason), /^auth-required: /);
  }
  const own = await openAs(alice);
  assert.deepEqual(await own.query({ kinds: [1059], "#p": [ALICE] }), [for_alice]);
  assert.deepEqual(await own.query({ kinds: [1059] }), [for_alice]);
  assert.deepEqual(await own.query({}), [for_alice]);
  assert.deepEqual(await own.query({ ids: [for_alice.id, for_bob.id] }), [for_alice]);
  own.send(["REQ", "other", { kinds: [1059], "#p": [BOB] }]);
  assert.match(String((await own.next())[2]), /^restricted: /);
});

test("NIP-59: sealed events that come in reach the subscriptions of their recipient alone, stored or not", async () => {
  const [publisher, stranger, own] = [await open(), await open(), await openAs(alice)];
  stranger.send(["REQ", "all", { since: Math.floor(Date.now() / 1000) - 10 }]);
  await stranger.until("EOSE");
  own.send(["REQ", "mine", { kinds: [1059, 21059], "#p": [ALICE], limit: 0 }]);
  await own.until("EOSE");
  for (const kind of [1059, 21059]) {
    const event = wrap(ALICE, kind);
    await publisher.publish(event);
    assert.deepEqual(await own.next(), ["EVENT", "mine", event]);
  }
  const label = signed(alice, { kind: 1985, tags: [["L", "openagents.upgrade"]], content: "open" });
  await publisher.publish(label);
  assert.deepEqual(await stranger.next(), ["EVENT", "all", label]);
});

test("NIP-59: a comparison leaves sealed events out, but for their recipient", async () => {
  const event = wrap(ALICE);
  await (await open()).publish(event);
  const need = async (client: Client, filter: object): Promise<readonly string[]> => {
    const own = syncSet([]);
    client.send(["NEG-OPEN", "n", filter, beginSync(own)]);
    const [verb, , message] = await client.next();
    assert.equal(verb, "NEG-MSG");
    const step = continueSync(own, String(message));
    assert.ok(!isRejection(step));
    return step.need;
  };
  const stranger = await open();
  assert.ok(!(await need(stranger, {})).includes(event.id));
  stranger.send(["NEG-OPEN", "n", { kinds: [1059] }, beginSync(syncSet([]))]);
  assert.equal((await stranger.next())[0], "AUTH");
  const [verb, , reason] = await stranger.next();
  assert.equal(verb, "NEG-ERR");
  assert.match(String(reason), /^auth-required: /);
  assert.ok((await need(await openAs(alice), { kinds: [1059] })).includes(event.id));
});

test("the worker's own pool authenticates where it is asked to, and hears what is sealed for it", async () => {
  const pool = openRelayPool({
    schnorr: await loadSchnorr(),
    signAuth: (template) => signEvent(template, alice, new Uint8Array(32)),
  });
  const anonymous = openRelayPool({ schnorr: await loadSchnorr() });
  const relays = [host.edge().relay_url];
  const heard: string[] = [];
  const stop = new AbortController();
  const filters = [{ kinds: [1059], "#p": [ALICE], since: NOW - 10 }];
  pool.subscribe({ relays, filters, on_event: ({ id }) => void heard.push(id) }, stop.signal);
  const event = wrap(ALICE);
  await (await open()).publish(event);
  await eventually(async () => heard.includes(event.id));
  const limits = { timeout_ms: 5_000, signal: stop.signal };
  assert.ok((await pool.query(relays, filters, limits)).some(({ id }) => id === event.id));
  await assert.rejects(anonymous.query(relays, filters, limits), /auth-required/);
  stop.abort();
  pool.close();
  anonymous.close();
});
