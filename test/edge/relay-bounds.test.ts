import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { generateSecretKey } from "nostr-tools/pure";
import { type Client, connect, openTestEdge, signed, type TestEdge } from "./fixture.ts";

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

test("an address is sent a limited amount: its subscriptions close then, and those of others hear the event", async () => {
  const [greedy, calm] = ["203.0.113.9", "203.0.113.10"];
  const content = "x".repeat(LIMITS.nostr_content_bytes - 100);
  const listen = async (address: string, subscriptions: number): Promise<Client> => {
    const client = await connect(host.edge().relay_url, address);
    for (let index = 0; index < subscriptions; index += 1) client.send(["REQ", `s${index}`, { "#t": ["large"] }]);
    for (let index = 0; index < subscriptions; index += 1) assert.equal((await client.next())[0], "EOSE");
    return client;
  };
  const each = LIMITS.relay_subscriptions;
  const needed = Math.ceil(LIMITS.relay_sent_burst_chars / content.length / each) + 2;
  const many: Client[] = [];
  for (let count = 0; count < needed; count += 1) many.push(await listen(greedy, each));
  const other = await listen(calm, 1);
  const publisher = await host.client();
  const publish = async (): Promise<string> => {
    const event = signed(generateSecretKey(), { kind: 1, tags: [L, ["t", "large"]], content });
    assert.equal((await publisher.publish(event))[2], true);
    return event.id;
  };
  const id = await publish();
  const frames: unknown[] = [];
  for (const client of many) for (let count = 0; count < each; count += 1) frames.push((await client.next())[0]);
  const told = frames.filter((verb) => verb === "EVENT").length;
  assert.ok(told > 0 && frames.includes("CLOSED") && frames.every((verb) => verb === "EVENT" || verb === "CLOSED"));
  assert.ok(told * content.length < LIMITS.relay_sent_burst_chars * 2, `${told}`);
  assert.equal(((await other.next())[2] as { id: string }).id, id);
  const next = await publish();
  assert.equal(((await other.next())[2] as { id: string }).id, next);
  for (const client of [...many, other]) await client.close();
});
