import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { beginSync, continueSync, syncSet } from "@oa/shared/nostr/negentropy.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { type Client, connect, type Frame, NOW, openTestEdge, signed, type TestEdge } from "./fixture.ts";

const L = ["L", "openagents.upgrade"];
const key = generateSecretKey();
const events: NostrEvent[] = Array.from({ length: 300 }, (_, index) =>
  signed(key, { kind: 1985, tags: [L, ["t", `${index % 2}`]], content: `${index}`, created_at: NOW - (index % 5) }),
);
let host: TestEdge;
let client: Client;
before(async () => {
  // One door: each has a limit of its own.
  host = await openTestEdge({ RELAY_DOORS: "1" });
  client = await connect(host.edge().relay_url);
  for (const event of events) client.send(["EVENT", event]);
  for (const _ of events) assert.equal((await client.next())[2], true);
});
after(async () => {
  await client.close();
  await host.close();
});
const begin = beginSync(syncSet([]));
const errorOf = ([verb, , reason]: Frame): string => {
  assert.equal(verb, "NEG-ERR");
  return String(reason);
};

test("NIP-77: a client learns by comparison what it lacks and what the relay lacks", async () => {
  const extra = signed(key, { kind: 1985, tags: [L], content: "only here" });
  const own = syncSet([...events.slice(0, 200), extra]);
  const [have, need]: [string[], string[]] = [[], []];
  client.send(["NEG-OPEN", "n", { kinds: [1985], authors: [getPublicKey(key)] }, beginSync(own)]);
  for (;;) {
    const [verb, id, message] = await client.next();
    assert.deepEqual([verb, id], ["NEG-MSG", "n"]);
    const step = continueSync(own, String(message));
    assert.ok(!isRejection(step));
    have.push(...step.have);
    need.push(...step.need);
    if (step.reply === null) break;
    client.send(["NEG-MSG", "n", step.reply]);
  }
  client.send(["NEG-CLOSE", "n"]);
  assert.deepEqual(have, [extra.id]);
  assert.deepEqual(
    need.sort(),
    events
      .slice(200)
      .map(({ id }) => id)
      .sort(),
  );
  client.send(["NEG-MSG", "n", begin]);
  assert.match(errorOf(await client.next()), /^closed: /);
});

test("a filter's conditions and its limit hold for a comparison too", async () => {
  const count = async (filter: object): Promise<number> => {
    client.send(["NEG-OPEN", "n", filter, begin]);
    const step = continueSync(syncSet([]), String((await client.next())[2]));
    client.send(["NEG-CLOSE", "n"]);
    assert.ok(!isRejection(step));
    return step.need.length;
  };
  assert.equal(await count({ "#t": ["1"] }), 150);
  assert.equal(await count({ since: NOW }), 60);
  assert.equal(await count({ limit: 7 }), 7);
  assert.equal(await count({ kinds: [30051] }), 0);
});

test("a comparison that makes no sense is refused and ends, and the connection lives", async () => {
  for (const rest of [
    [{}, "zz"],
    [{}, ""],
    [{}, "62"],
    [{}],
    [{ unknown: 1 }, begin],
    [{ search: "x" }, begin],
    ["x", begin],
  ]) {
    client.send(["NEG-OPEN", "bad", ...rest]);
    assert.match(errorOf(await client.next()), /^invalid: /);
  }
  client.send(["NEG-MSG", "bad", begin]);
  assert.match(errorOf(await client.next()), /^closed: /);
  for (const frame of [["NEG-OPEN"], ["NEG-OPEN", 1, {}, begin], ["NEG-MSG", ""]]) {
    client.send(frame);
    assert.equal((await client.next())[0], "NOTICE");
  }
  client.send(["NEG-OPEN", "n", {}, begin]);
  assert.equal((await client.next())[0], "NEG-MSG");
  client.send(["NEG-MSG", "n", "6100"]);
  assert.match(errorOf(await client.next()), /^invalid: /);
  client.send(["NEG-MSG", "n", begin]);
  assert.match(errorOf(await client.next()), /^closed: /);
});

test("a connection has few comparisons at a time, and all connections together a limited number", async () => {
  const clients: Client[] = [];
  let opened = 0;
  for (;;) {
    const each = await connect(host.edge().relay_url);
    clients.push(each);
    let refused = "";
    for (let index = 0; index <= LIMITS.sync_sessions_per_connection && refused === ""; index += 1) {
      each.send(["NEG-OPEN", `n${index}`, {}, begin]);
      const frame = await each.next();
      if (frame[0] === "NEG-MSG") opened += 1;
      else refused = errorOf(frame);
    }
    assert.match(refused, /^rate-limited: /);
    if (opened >= LIMITS.sync_sessions) break;
  }
  assert.equal(opened, LIMITS.sync_sessions);
  client.send(["NEG-OPEN", "late", {}, begin]);
  assert.match(errorOf(await client.next()), /^rate-limited: /);
  for (const each of clients) await each.close();
  client.send(["NEG-OPEN", "late", {}, begin]);
  assert.equal((await client.next())[0], "NEG-MSG");
  client.send(["NEG-CLOSE", "late"]);
  assert.deepEqual(host.log, []);
});
