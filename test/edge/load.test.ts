import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { WebSocket } from "ws";
import { type Client, eventually, NOW, openTestEdge, signed, type TestEdge } from "./fixture.ts";

const L = ["L", "openagents.upgrade"];
/** How many events are replayed: OA_REPLAY=100000 for the whole of it. */
const REPLAYED = Number(process.env.OA_REPLAY ?? 10_000);
const SCRIPT = `<script>alert(1)</script><img src=x onerror="alert(1)"> '); DROP TABLE relay_events; -- \${process.exit()} {{7*7}}`;
const addressed: Addressed[] = [];
let host: TestEdge;
before(async () => {
  host = await openTestEdge();
});
after(async () => {
  for (const each of addressed) await each.close();
  await host.close();
});
const open = () => host.client();
const label = (key: Uint8Array, content: string, created_at = NOW): NostrEvent =>
  signed(key, { kind: 1985, tags: [L], content, created_at });

interface Addressed {
  /** Sends all of them at once; their answers in order. */
  readonly ask: (frame: unknown, times: number) => Promise<readonly (readonly unknown[])[]>;
  readonly close: () => Promise<void>;
}

/** A client whom Cloudflare would say is at this address; null where the relay does not take another from there. */
async function openFrom(address: string): Promise<Addressed | null> {
  const socket = new WebSocket(host.edge().relay_url, { headers: { "CF-Connecting-IP": address } });
  let answers: (readonly unknown[])[] = [];
  socket.on("message", (data) => answers.push(JSON.parse(String(data)) as readonly unknown[]));
  const opened = await Promise.race([
    once(socket, "open").then(() => true),
    once(socket, "unexpected-response").then(([, response]) => {
      assert.equal((response as { statusCode: number }).statusCode, 429);
      return false;
    }),
  ]);
  if (!opened) return null;
  const client: Addressed = {
    ask: async (frame, times) => {
      answers = [];
      for (let index = 0; index < times; index += 1) socket.send(JSON.stringify(frame));
      await eventually(async () => answers.length === times, 60_000);
      return answers;
    },
    close: async () => {
      socket.close();
      await once(socket, "close");
    },
  };
  addressed.push(client);
  return client;
}

test("10,000 subscriptions: an event reaches those who wait for it, and others are served", async () => {
  const { relay_subscriptions: each } = LIMITS;
  const waiting: Client[] = [];
  for (let index = 0; index < 10_000 / each; index += 1) waiting.push(await open());
  const wanted = generateSecretKey();
  for (const [index, client] of waiting.entries()) {
    for (let count = 0; count < each; count += 1) {
      const isOurs = index % 50 === 0 && count === 3;
      const author = isOurs ? getPublicKey(wanted) : (index * each + count).toString(16).padStart(64, "0");
      client.send(["REQ", `s${count}`, { kinds: [1985], authors: [author], "#L": ["openagents.upgrade"] }]);
    }
  }
  for (const client of waiting) for (let count = 0; count < each; count += 1) await client.until("EOSE");
  const other = await open();
  const event = label(wanted, "for ten of them");
  assert.equal((await other.publish(event))[2], true);
  for (const [index, client] of waiting.entries()) {
    if (index % 50 === 0) assert.deepEqual(await client.next(), ["EVENT", "s3", event]);
  }
  assert.equal((await other.query({ ids: [event.id] })).length, 1);
  const [last] = waiting.slice(-1);
  last?.send(["REQ", "one more", {}]);
  assert.match(String((await last?.next())?.[2]), /^rate-limited: /);
  for (const client of waiting) await client.close();
});

test("a flood of events by one key is limited, and another key publishes on the same connection", async () => {
  const client = await open();
  const [flooding, calm] = [generateSecretKey(), generateSecretKey()];
  // A burst is stored; copies of it cost the author nothing.
  const events = Array.from({ length: LIMITS.relay_key_burst + 1_000 }, (_, index) => label(flooding, `${index}`));
  for (const event of events) client.send(["EVENT", event]);
  const verdicts: string[] = [];
  for (const _ of events) {
    const [, , accepted, reason] = await client.next();
    verdicts.push(accepted === true ? "" : String(reason));
  }
  assert.equal(verdicts[0], "");
  const refused = verdicts.filter((reason) => reason !== "");
  assert.ok(refused.length > 0 && refused.every((reason) => reason.startsWith("rate-limited: ")), refused[0]);
  assert.equal((await client.publish(label(calm, "calm")))[2], true);
});

test("an address has a limited number of connections and messages, an IPv6 network counts as one, and others go on", async () => {
  const network = (index: number): string => `2001:db8:1:2::${index.toString(16)}`;
  const many = [];
  for (let index = 0; index < LIMITS.relay_connections_per_address; index += 1)
    many.push(await openFrom(network(index)));
  assert.ok(many.every((client) => client !== null));
  assert.equal(await openFrom(network(999)), null);
  assert.notEqual(await openFrom("2001:db8:1:3::1"), null);

  const [greedy, calm] = [await openFrom("203.0.113.7"), await openFrom("203.0.113.8")];
  assert.ok(greedy !== null && calm !== null);
  const count = ["COUNT", "c", { ids: ["0".repeat(64)] }];
  const refusals = async (client: Addressed | null, times: number): Promise<readonly string[]> =>
    ((await client?.ask(count, times)) ?? []).flatMap(([verb, , reason]) =>
      verb === "CLOSED" ? [String(reason)] : [],
    );
  const reads = LIMITS.relay_address_burst / LIMITS.relay_read_cost;
  const refused = await refusals(greedy, reads * 3);
  assert.match(refused[0] ?? "", /^rate-limited: .*address/);
  // Another connection from there does not help.
  assert.ok((await refusals(await openFrom("203.0.113.7"), reads)).length > 0);
  assert.deepEqual(await refusals(calm, 10), []);
});

test("times that no clock shows are refused, and old ones are taken", async () => {
  const client = await open();
  const key = generateSecretKey();
  for (const created_at of [-1, 1.5, 1e300, Number.MAX_SAFE_INTEGER, "now", null, true]) {
    client.send(["EVENT", { ...label(key, "x"), created_at }]);
    const [verb, , accepted, reason] = await client.next();
    assert.deepEqual([verb, accepted], ["OK", false], String(created_at));
    assert.match(String(reason), /^invalid: /);
  }
  for (const created_at of [0, 1]) assert.equal((await client.publish(label(key, "old", created_at)))[2], true);
});

test(`${REPLAYED} events, replayed: none is lost or stored twice, nothing in them is executed, and others are served`, async () => {
  const authors = Array.from({ length: 20 + Math.ceil(REPLAYED / LIMITS.relay_key_burst) }, () => generateSecretKey());
  const start = NOW - REPLAYED;
  const events = Array.from({ length: REPLAYED }, (_, index) =>
    label(authors[index % authors.length] ?? generateSecretKey(), `${index} ${SCRIPT}`, start + index),
  );
  const [publisher, other] = [await open(), await open()];
  const pubkeys = authors.map(getPublicKey);
  const send = async (isAnswer: (answer: readonly unknown[]) => boolean): Promise<void> => {
    for (let from = 0; from < events.length; from += 1_000) {
      const part = events.slice(from, from + 1_000);
      for (const event of part) publisher.send(["EVENT", event]);
      // Somebody else asks meanwhile.
      assert.equal((await other.query({ ids: [events[0]?.id] })).length, 1);
      for (const event of part) {
        const answer = await publisher.next();
        assert.ok(answer[1] === event.id && isAnswer(answer), JSON.stringify(answer));
      }
    }
  };
  await publisher.publish(events[0] as NostrEvent);
  await send(([, , accepted]) => accepted === true);
  await send(([, , accepted, reason]) => accepted === true && String(reason).startsWith("duplicate: "));
  other.send(["COUNT", "all", { authors: pubkeys }]);
  assert.deepEqual(await other.next(), ["COUNT", "all", { count: REPLAYED }]);
  for (const index of [0, REPLAYED >> 1, REPLAYED - 1]) {
    assert.deepEqual(await other.query({ ids: [events[index]?.id] }), [events[index]]);
  }
});

test("filters that look at everything are answered within bounds, and others are served meanwhile", async () => {
  const [greedy, other] = [await open(), await open()];
  const everything: readonly object[] = [
    {},
    { kinds: [1985] },
    { "#L": ["openagents.upgrade"] },
    { since: 0, until: 4_000_000_000 },
    { "#t": ["none has it"] },
    { kinds: [1985], "#t": ["none has it"] },
    { authors: Array.from({ length: LIMITS.filter_values }, (_, index) => index.toString(16).padStart(64, "f")) },
    { search: "a", kinds: [1] },
    { limit: 1_000_000 },
  ];
  for (const filter of everything) greedy.send(["REQ", "all", filter]);
  for (const filter of everything) greedy.send(["COUNT", "all", filter]);
  assert.equal((await other.publish(label(generateSecretKey(), "meanwhile")))[2], true);
  for (const filter of everything) {
    const events = (await greedy.until("EOSE")).filter(([verb]) => verb === "EVENT");
    assert.ok(events.length <= LIMITS.relay_limit, JSON.stringify(filter).slice(0, 60));
  }
  for (const _ of everything) assert.equal((await greedy.until("COUNT")).length >= 1, true);
  assert.deepEqual(host.log, []);
});
