import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import { beginSync, syncSet } from "@oa/shared/nostr/negentropy.ts";
import { shardOfKey } from "@oa/shared/nostr/relay-shard.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import {
  type Client,
  connect,
  eventually,
  type Frame,
  manageRelay,
  NOW,
  openTestEdge,
  signed,
  type TestEdge,
} from "./fixture.ts";

/** The relay's doors and shards, which clients must not notice. */
const L = ["L", "openagents.upgrade"];
const SHARDS = 4;
const PARTS = { RELAY_SHARDS: String(SHARDS), RELAY_DOORS: "2" };
/** An address whose clients use the given one of two doors. */
const addressOf = (door: number): string => {
  for (let last = 1; ; last += 1) {
    const address = `198.51.100.${last}`;
    if (Number.parseInt(sha256Hex(address).slice(0, 8), 16) % 2 === door) return address;
  }
};
/** A key whose events the given shard keeps. */
const keyIn = (shard: number): Uint8Array => {
  for (;;) {
    const key = generateSecretKey();
    if (shardOfKey(getPublicKey(key), SHARDS) === shard) return key;
  }
};
const AUTHORS = Array.from({ length: SHARDS }, (_, shard) => keyIn(shard));
const author = (shard: number): Uint8Array => AUTHORS[shard] ?? generateSecretKey();
let made = 0;
const note = (shard: number, topic: string, created_at = NOW): NostrEvent => {
  made += 1;
  return signed(author(shard), { kind: 1, content: `note ${made}`, tags: [L, ["t", topic]], created_at });
};
const newestFirst = (events: readonly NostrEvent[]): readonly NostrEvent[] =>
  events.toSorted((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));

let host: TestEdge;
const clients: Client[] = [];
const open = async (door: number): Promise<Client> => {
  const client = await connect(host.edge().relay_url, addressOf(door));
  clients.push(client);
  return client;
};
const publishAll = async (client: Client, events: readonly NostrEvent[]): Promise<void> => {
  for (const event of events) assert.deepEqual(await client.publish(event), ["OK", event.id, true, ""]);
};
const manager = generateSecretKey();
before(async () => {
  host = await openTestEdge({ ...PARTS, OPERATOR: getPublicKey(manager) });
});
after(async () => {
  for (const each of clients) await each.close();
  await host.close();
});

describe("shards", () => {
  test("events of all shards come as one answer: newest first, lowest id first among equals, each filter within its limit", async () => {
    const client = await open(0);
    const events = Array.from({ length: 40 }, (_, index) => note(index % SHARDS, "order", NOW - (index % 5)));
    await publishAll(client, events);
    const ordered = newestFirst(events);
    const filter = { kinds: [1], "#t": ["order"] };
    assert.deepEqual(await client.query(filter), ordered);
    assert.deepEqual(await client.query({ ...filter, limit: 7 }), ordered.slice(0, 7));
    const pages: NostrEvent[] = [];
    for (let until = NOW; until > NOW - 5; until -= 1)
      pages.push(...(await client.query({ ...filter, until, since: until })));
    assert.deepEqual(pages, ordered);
    const by = (shard: number): object => ({ authors: [getPublicKey(author(shard))], "#t": ["order"], limit: 2 });
    const own = (shard: number): readonly NostrEvent[] =>
      ordered.filter(({ pubkey }) => pubkey === getPublicKey(author(shard))).slice(0, 2);
    const two = await client.query(by(0), by(3), { ...filter, limit: 1 });
    assert.deepEqual(two, newestFirst([...new Set([...own(0), ...own(3), ...ordered.slice(0, 1)])]));
    client.send(["COUNT", "all", filter, by(1)]);
    assert.deepEqual(await client.next(), ["COUNT", "all", { count: 40 }]);
  });

  test("a search looks in all shards, and words are found with every author's", async () => {
    const client = await open(0);
    const found = Array.from({ length: SHARDS }, (_, shard) =>
      signed(author(shard), { kind: 1, tags: [L], content: `zymurgy of ${shard}` }),
    );
    await publishAll(client, found);
    const ids = (await client.query({ search: "zymurg" })).map(({ id }) => id);
    assert.deepEqual(ids.toSorted(), found.map(({ id }) => id).toSorted());
    assert.equal((await client.query({ search: "zymurg", limit: 2 })).length, 2);
  });

  test("a deletion meets what it deletes, whichever door either came through, and nothing of another shard", async () => {
    const [one, two] = [await open(0), await open(1)];
    const [mine, other] = [note(2, "gone"), note(1, "gone")];
    await publishAll(one, [mine, other]);
    const deletion = signed(author(2), {
      kind: 5,
      tags: [
        ["e", mine.id],
        ["e", other.id],
      ],
    });
    await publishAll(two, [deletion]);
    assert.deepEqual(await one.query({ "#t": ["gone"] }), [other]);
    assert.match(String((await one.publish(mine))[3]), /^blocked: /);
    // In one breath: the deletion is first, and what it names never comes.
    const early = note(2, "gone");
    two.send(["EVENT", signed(author(2), { kind: 5, tags: [["e", early.id]] })]);
    two.send(["EVENT", early]);
    assert.equal((await two.next())[2], true);
    assert.match(String((await two.next())[3]), /^blocked: /);
  });

  test("answers to one client keep the order of its questions, though shards answer at different times", async () => {
    const client = await open(0);
    const expected: Frame[] = [];
    for (let round = 0; round < 20; round += 1) {
      const event = note(round % SHARDS, `round ${round}`);
      client.send(["REQ", `before ${round}`, { "#t": [`round ${round}`], limit: 3, since: NOW + 9_999 }]);
      client.send(["CLOSE", `before ${round}`]);
      client.send(["EVENT", event]);
      client.send(["COUNT", "c", { ids: [event.id] }]);
      client.send(["REQ", "q", { "#t": [`round ${round}`], authors: [event.pubkey] }]);
      client.send(["CLOSE", "q"]);
      client.send(["EVENT", { ...event, content: "forged" }]);
      expected.push(
        ["EOSE", `before ${round}`],
        ["OK", event.id, true, ""],
        ["COUNT", "c", { count: 1 }],
        ["EVENT", "q", event],
        ["EOSE", "q"],
        ["OK", event.id, false, "invalid"],
      );
    }
    for (const frame of expected) {
      const [verb, ...rest] = await client.next();
      if (frame[3] === "invalid") assert.deepEqual([verb, ...rest.slice(0, 2)], frame.slice(0, 3));
      else assert.deepEqual([verb, ...rest], frame);
    }
  });
});

describe("doors", () => {
  test("clients at different doors hear each other's events, each once and after OK", async () => {
    const [one, two] = [await open(0), await open(1)];
    for (const client of [one, two]) {
      client.send(["REQ", "live", { "#t": ["live"] }]);
      await client.until("EOSE");
    }
    for (const shard of [0, 1, 2, 3]) {
      const event = note(shard, "live");
      one.send(["EVENT", event]);
      assert.deepEqual(await one.next(), ["OK", event.id, true, ""]);
      assert.deepEqual(await one.next(), ["EVENT", "live", event]);
      assert.deepEqual(await two.next(), ["EVENT", "live", event]);
      assert.deepEqual(await two.publish(event), ["OK", event.id, true, "duplicate: this event is stored already"]);
    }
    const passing = signed(author(1), {
      kind: 24133,
      tags: [
        ["p", getPublicKey(author(2))],
        ["t", "live"],
      ],
    });
    await publishAll(two, [passing]);
    for (const client of [two, one]) assert.deepEqual(await client.next(), ["EVENT", "live", passing]);
    // Whoever stops listening hears nothing more, and hears again when it asks again.
    one.send(["CLOSE", "live"]);
    await publishAll(two, [note(0, "live")]);
    assert.equal((await one.query({ "#t": ["live"] })).length, 5);
    one.send(["REQ", "again", { "#t": ["live"], limit: 0 }]);
    assert.deepEqual(await one.next(), ["EOSE", "again"]);
    const last = note(0, "live");
    await two.publish(last);
    assert.deepEqual(await one.next(), ["EVENT", "again", last]);
  });

  test("of events that are published while a client asks none is lost and none comes twice", async () => {
    const [publisher, near, far] = [await open(0), await open(0), await open(1)];
    const events = Array.from({ length: 400 }, (_, index) => note(index % SHARDS, "race"));
    const readers = [near, far].map((client) => ({ client, heard: new Map<string, string[]>() }));
    for (const [index, event] of events.entries()) {
      publisher.send(["EVENT", event]);
      if (index % 25 !== 0) continue;
      // A pause lets some be stored: each question falls between others of them.
      if (index % 50 === 0) await publisher.next();
      for (const { client, heard } of readers) {
        const id = `r${index}`;
        heard.set(id, []);
        client.send(["REQ", id, { "#t": ["race"] }]);
      }
    }
    for (const { client, heard } of readers) {
      const waited = new Set(heard.keys());
      while (waited.size > 0) {
        const [verb, id, event] = await client.next();
        const ids = heard.get(String(id));
        assert.ok(ids !== undefined);
        if (verb === "EVENT") ids.push((event as NostrEvent).id);
        else assert.equal(verb, "EOSE", JSON.stringify([verb, id, event]));
        if (ids.length === events.length) waited.delete(String(id));
      }
      for (const [id, ids] of heard) assert.equal(new Set(ids).size, events.length, id);
    }
    // Nothing more comes: the next thing either hears is the answer to a question.
    for (const { client } of readers) {
      client.send(["COUNT", "end", { "#t": ["race"] }]);
      let last = await client.next();
      while (last[0] === "EOSE") last = await client.next();
      assert.deepEqual(last, ["COUNT", "end", { count: events.length }]);
    }
  });

  test("a sealed event reaches its recipient at another door, also one who said who it is after it asked", async () => {
    const [sender, recipient] = [await open(0), await open(1)];
    const key = generateSecretKey();
    recipient.send(["REQ", "who", { kinds: [1059] }]);
    const challenge = String((await recipient.next())[1]);
    await recipient.next();
    // By its throw-away author, as nobody asks; the shard is the recipient's all the same.
    const wrapper = generateSecretKey();
    recipient.send(["REQ", "inbox", { authors: [getPublicKey(wrapper)] }]);
    await recipient.until("EOSE");
    assert.equal((await recipient.authenticate(key, challenge))[2], true);
    const wrap = signed(wrapper, { kind: 1059, tags: [["p", getPublicKey(key)]], content: "sealed" });
    assert.equal((await sender.publish(wrap))[2], true);
    assert.deepEqual(await recipient.next(), ["EVENT", "inbox", wrap]);
    assert.deepEqual(await recipient.query({ kinds: [1059] }), [wrap]);
    assert.deepEqual(await sender.query({ ids: [wrap.id] }), []);
    const two = {
      kind: 1059,
      tags: [
        ["p", getPublicKey(key)],
        ["p", getPublicKey(wrapper)],
      ],
      content: "sealed",
    };
    assert.match(String((await sender.publish(signed(wrapper, two)))[3]), /^blocked: .* one p tag/);
  });

  test("an author's rate holds at all doors together", async () => {
    const [one, two] = [await open(0), await open(1)];
    const key = generateSecretKey();
    const events = Array.from({ length: LIMITS.relay_key_burst + 600 }, (_, index) =>
      signed(key, { kind: 1, content: `flood ${index}`, tags: [L] }),
    );
    for (const [index, event] of events.entries()) (index % 2 === 0 ? one : two).send(["EVENT", event]);
    const reasons: string[] = [];
    for (const [index] of events.entries()) reasons.push(String((await (index % 2 === 0 ? one : two).next())[3]));
    assert.ok(reasons.some((reason) => reason.startsWith("rate-limited: ")));
  });
});

test("one shard and sixteen answer the same", async () => {
  for (const RELAY_SHARDS of ["1", "16"]) {
    const other = await openTestEdge({ RELAY_SHARDS, RELAY_DOORS: "1" });
    try {
      const client = await connect(other.edge().relay_url);
      const events = Array.from({ length: 24 }, (_, index) => note(index % SHARDS, "parts", NOW - (index % 3)));
      await publishAll(client, events);
      assert.deepEqual(await client.query({ "#t": ["parts"], limit: 10 }), newestFirst(events).slice(0, 10));
      await publishAll(client, [signed(author(0), { kind: 5, tags: [["e", events[0]?.id ?? ""]] })]);
      client.send(["COUNT", "c", { "#t": ["parts"] }]);
      assert.deepEqual(await client.next(), ["COUNT", "c", { count: 23 }]);
      await client.close();
      assert.deepEqual(other.log, []);
    } finally {
      await other.close();
    }
  }
});

describe("a shard that fails", () => {
  const broken = 2;
  const well = [0, 1, 3];
  const stored: NostrEvent[] = [];
  before(async () => {
    assert.deepEqual(host.log, []);
    const client = await open(0);
    for (const shard of [0, 1, 2, 3]) stored.push(note(shard, "failing"));
    await publishAll(client, stored);
    const people = [{ pubkey: getPublicKey(manager), name: "", roles: ["relay"] as const }];
    const { tags, ...list } = peopleEvent({ list: "curators", people }, { created_at: NOW });
    assert.equal((await client.publish(signed(manager, { ...list, tags: tags.map((tag) => [...tag]) })))[2], true);
    await eventually(async () => (await manage("listdisallowedkinds")).status === 200);
    for (const each of clients.splice(0)) await each.close();
    await host.whileStopped(async () => {
      const folder = join(host.data_dir, "do", "openagents-upgrades-RelayShard");
      for (const name of (await readdir(folder)).filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file))) {
        const db = new DatabaseSync(join(folder, name));
        const { n } = db
          .prepare("SELECT count(*) AS n FROM relay_events WHERE id = ?")
          .get(stored[broken]?.id ?? "") as {
          n: number;
        };
        db.close();
        if (n === 1) await writeFile(join(folder, name), "this is no database any more".repeat(1_000));
      }
    });
  });

  const manage = (method: string, ...params: readonly unknown[]) => manageRelay(host, manager, method, ...params);

  test("its authors are told of an error, and others are served, in the same breath", async () => {
    const client = await open(1);
    const lost = note(broken, "failing");
    const good = well.map((shard) => note(shard, "failing"));
    for (const event of [lost, ...good]) client.send(["EVENT", event]);
    assert.match(JSON.stringify(await client.next()), new RegExp(`^\\["OK","${lost.id}",false,"error: `));
    for (const event of good) assert.deepEqual(await client.next(), ["OK", event.id, true, ""]);
    for (const shard of well) {
      const authors = [getPublicKey(author(shard))];
      assert.equal((await client.query({ authors, "#t": ["failing"] })).length, 2);
    }
  });

  test("a question that it would have to answer is closed with an error, and never answered in part", async () => {
    const client = await open(0);
    for (const filter of [{ "#t": ["failing"] }, { authors: [getPublicKey(author(broken))] }]) {
      for (const verb of ["REQ", "COUNT"]) {
        client.send([verb, "q", filter]);
        const [said, id, reason] = await client.next();
        assert.deepEqual([said, id], ["CLOSED", "q"]);
        assert.match(String(reason), /^error: /);
      }
      client.send(["NEG-OPEN", "n", filter, beginSync(syncSet([]))]);
      const [said, , reason] = await client.next();
      assert.equal(said, "NEG-ERR");
      assert.match(String(reason), /^error: /);
    }
    // What is closed is not waited for any more.
    await client.publish(note(0, "failing"));
    client.send(["COUNT", "c", { authors: [getPublicKey(author(0))], "#t": ["failing"] }]);
    assert.deepEqual(await client.next(), ["COUNT", "c", { count: 3 }]);
  });

  test("a ban that it does not follow is told as not done, and holds in the others", async () => {
    const { error } = await manage("banpubkey", getPublicKey(author(1)));
    assert.match(error ?? "", /make the same call again/);
    const client = await open(0);
    assert.match(String((await client.publish(note(1, "failing")))[3]), /^blocked: /);
    assert.equal((await client.publish(note(3, "failing")))[2], true);
    assert.ok(host.log.length > 0);
  });
});
