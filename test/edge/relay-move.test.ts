import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import { shardOfKey } from "@oa/shared/nostr/relay-shard.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { partsElsewhere } from "../../edge/relay/move.ts";
import { createRelayTables, storeEvents } from "../../edge/relay/store.ts";
import { type Client, connect, eventually, manageRelay, NOW, openTestEdge, signed, type TestEdge } from "./fixture.ts";

/** The relay started with another number of shards than its events were stored with. */
const L = ["L", "openagents.upgrade"];
const keyIn = (shard: number): Uint8Array => {
  for (;;) {
    const key = generateSecretKey();
    if (shardOfKey(getPublicKey(key), 8) === shard) return key;
  }
};
/** An author in each eighth of the keys. */
const AUTHORS = Array.from({ length: 8 }, (_, shard) => keyIn(shard));
const author = (index: number): Uint8Array => AUTHORS[index] ?? generateSecretKey();
const note = (index: number, content: string): NostrEvent =>
  signed(author(index), { kind: 1, content, tags: [L, ["t", "moving"]], created_at: NOW - index });
const manager = generateSecretKey();
const EVENTS = AUTHORS.flatMap((_, index) => Array.from({ length: 5 }, (__, each) => note(index, `${index} ${each}`)));
const [banned, deleted] = [note(7, "banned"), note(5, "deleted")];
const wrap = signed(generateSecretKey(), { kind: 1059, tags: [["p", getPublicKey(author(3))]], content: "sealed" });
let host: TestEdge;
before(async () => {
  host = await openTestEdge({ RELAY_SHARDS: "2", RELAY_DOORS: "1", OPERATOR: getPublicKey(manager) });
});
after(() => host.close());

const manage = (method: string, ...params: readonly unknown[]) => manageRelay(host, manager, method, ...params);

const FILTER = { kinds: [1], "#t": ["moving"] };
/** Asks until the relay answers: it never answers with a part. */
async function whole(client: Client): Promise<number> {
  let refused = 0;
  await eventually(async () => {
    client.send(["REQ", "q", FILTER]);
    const frames: (readonly unknown[])[] = [];
    do frames.push(await client.next());
    while (frames.at(-1)?.[0] === "EVENT");
    if (frames[0]?.[0] === "CLOSED") {
      assert.equal(frames[0][2], "error: the relay is moving its events to another number of shards: try again later");
      refused += 1;
      return false;
    }
    const ids = frames.flatMap(([verb, , event]) => (verb === "EVENT" ? [(event as NostrEvent).id] : []));
    assert.deepEqual(ids.toSorted(), EVENTS.map(({ id }) => id).toSorted());
    client.send(["CLOSE", "q"]);
    return true;
  });
  return refused;
}

/** That all is where it belongs: what was deleted or banned stays so, and what is sealed is its recipient's. */
async function assertAllThere(): Promise<void> {
  const client = await connect(host.edge().relay_url);
  await whole(client);
  for (const [index] of AUTHORS.entries()) {
    const found = await client.query({ authors: [getPublicKey(author(index))], kinds: [1] });
    assert.equal(found.length, 5, `author ${index}`);
  }
  assert.match(String((await client.publish(EVENTS[0] as NostrEvent))[3]), /^duplicate: /);
  assert.match(String((await client.publish(deleted))[3]), /^blocked: .*deleted/);
  assert.match(String((await client.publish(banned))[3]), /^blocked: /);
  client.send(["REQ", "sealed", { kinds: [1059] }]);
  const challenge = String((await client.next())[1]);
  await client.next();
  assert.equal((await client.authenticate(author(3), challenge))[2], true);
  assert.deepEqual(await client.query({ kinds: [1059] }), [wrap]);
  await client.close();
}

test("a relay is filled: with versions, deletions, a ban and what is sealed", async () => {
  const client = await connect(host.edge().relay_url);
  for (const event of [...EVENTS, banned, deleted, wrap]) assert.equal((await client.publish(event))[2], true);
  const deletion = signed(author(5), { kind: 5, tags: [["e", deleted.id]] });
  assert.equal((await client.publish(deletion))[2], true);
  const people = [{ pubkey: getPublicKey(manager), name: "", roles: ["relay"] as const }];
  const { tags, ...list } = peopleEvent({ list: "curators", people }, { created_at: NOW });
  assert.equal((await client.publish(signed(manager, { ...list, tags: tags.map((tag) => [...tag]) })))[2], true);
  await eventually(async () => (await manage("banevent", banned.id, "a test")).result === true);
  // What is here stays, and moves.
  assert.equal((await manage("disallowkind", wrap.kind)).result, true);
  await client.close();
  await assertAllThere();
});

test("a shard looks through what is its own a part at a time, and gives the rest", async () => {
  const sql = openSqlite(":memory:");
  createRelayTables(sql);
  const at = (key: string, index: number): VerifiedEvent =>
    // Nothing here looks at a signature: it stands for an event that was stored.
    ({
      ...{ id: sha256Hex(`${key} ${index}`), pubkey: key.repeat(64), kind: 1, created_at: 1, tags: [], sig: "" },
      content: "x".repeat(LIMITS.relay_move_chars / 4),
    }) as unknown as VerifiedEvent;
  const events = Array.from({ length: 12 }, (_, index) => at(index === 9 ? "f" : "1", index));
  storeEvents(sql, events, 1);
  const parts = [...partsElsewhere(sql, "00", 2)];
  assert.deepEqual(
    parts.map((part) => part?.to ?? null),
    [null, null, null, 1, null],
  );
});

for (const RELAY_SHARDS of ["8", "4", "1"]) {
  test(`with ${RELAY_SHARDS} shards it moves what it has, answers nothing in part meanwhile, and has all of it then`, async () => {
    await host.restart({ RELAY_SHARDS });
    await assertAllThere();
    assert.equal(host.log.at(-1), `the relay's events lie by ${RELAY_SHARDS} shards`);
  });
}

test("a move that is broken off and begun to another number still loses nothing", async () => {
  await host.restart({ RELAY_SHARDS: "8" });
  // Whatever it has moved by now, it is started with another number before it says that it has ended, or just after.
  await host.restart({ RELAY_SHARDS: "2" });
  await assertAllThere();
});

test("what was banned comes back when its ban is lifted, in the shard that its author now belongs to", async () => {
  await host.restart({ RELAY_SHARDS: "4" });
  await assertAllThere();
  assert.equal((await manage("unbanevent", banned.id)).result, true);
  const client = await connect(host.edge().relay_url);
  assert.deepEqual(await client.query({ ids: [banned.id] }), [banned]);
  assert.deepEqual(await client.query({ authors: [banned.pubkey], search: "banned" }), [banned]);
  await client.close();
});
