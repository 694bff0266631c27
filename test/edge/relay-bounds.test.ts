import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { generateSecretKey } from "nostr-tools/pure";
import { type Client, openTestEdge, signed, type TestEdge } from "./fixture.ts";

/** What one client can take of a door's memory and time, and what is left for others. */
const L = ["L", "openagents.upgrade"];
let host: TestEdge;
before(async () => {
  host = await openTestEdge({ RELAY_DOORS: "1" });
});
after(() => host.close());

/** A filter of about this many characters. */
const filterOf = (chars: number): object => ({
  authors: Array.from({ length: Math.ceil(chars / 67) }, (_, index) => index.toString(16).padStart(64, "0")),
});
const LARGE = Array.from({ length: 10 }, () => filterOf(25_000));
const subscribe = async (client: Client, id: string, ...filters: readonly object[]): Promise<string> => {
  client.send(["REQ", id, ...filters, { limit: 0 }]);
  const [verb, , reason = ""] = await client.next();
  return verb === "EOSE" ? "" : String(reason);
};

test("the filters of one connection have a limited size, which closing and replacing give back", async () => {
  const client = await host.client();
  assert.equal(await subscribe(client, "large", ...LARGE.slice(1)), "");
  assert.equal(await subscribe(client, "small", filterOf(1_000)), "");
  assert.match(await subscribe(client, "more", ...LARGE.slice(1)), /^rate-limited: the filters of one connection/);
  assert.equal(await subscribe(client, "large", ...LARGE.slice(1)), "", "in place of itself");
  client.send(["CLOSE", "large"]);
  assert.equal(await subscribe(client, "more", ...LARGE.slice(1)), "");
  await client.close();
});

test("the filters of all connections have a limited size together, and who leaves gives theirs back", async () => {
  const clients: Client[] = [];
  let refused = "";
  while (refused === "") {
    const client = await host.client();
    clients.push(client);
    refused = await subscribe(client, "large", ...LARGE.slice(1));
  }
  assert.match(refused, /^rate-limited: the relay has no room for more filters/);
  const most = LIMITS.relay_filters_chars / 225_000;
  assert.ok(clients.length > most * 0.9 && clients.length < most * 1.1, `${clients.length}`);
  const [last] = clients.slice(-1);
  assert.equal(await subscribe(last as Client, "small", {}), "");
  await clients[0]?.close();
  assert.equal(await subscribe(last as Client, "large", ...LARGE.slice(1)), "");
  for (const client of clients) await client.close();
});

test("a client that says very much waits behind itself, and others have their turn", async () => {
  const [greedy, calm] = [await host.client(), await host.client()];
  const event = signed(generateSecretKey(), { kind: 1, tags: [L], content: "again and again" });
  assert.equal((await greedy.publish(event))[2], true);
  const copies = 20_000;
  for (let sent = 0; sent < copies; sent += 1) greedy.send(["EVENT", event]);
  let answered = 0;
  const all = (async () => {
    for (; answered < copies; answered += 1) assert.equal((await greedy.next())[2], true);
  })();
  assert.equal((await calm.publish(signed(generateSecretKey(), { kind: 1, tags: [L], content: "calm" })))[2], true);
  assert.ok(answered < copies / 2, `${answered} were answered before`);
  await all;
  assert.deepEqual(host.log, []);
});
