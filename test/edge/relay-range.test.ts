import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { shardName, shardOfEvent } from "@oa/shared/nostr/relay-shard.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { manage } from "../../edge/relay/management.ts";
import { RANGE_DDL } from "../../edge/relay/move.ts";
import { type RangePort, type ShardRange, shardRange } from "../../edge/relay/range.ts";
import { createRelayTables, storeEvents } from "../../edge/relay/store.ts";
import { createLaneTables, reputationLane } from "../../edge/reputation/lane.ts";

/** What shards give each other when their number changes, on databases in memory: whatever fails, and whenever. */
const NOW_S = Math.floor(Date.now() / 1000);
const key = (name: string): string => sha256Hex(name);
const KEYS = Array.from({ length: 24 }, (_, index) => key(`author ${index}`));
/** Nothing here looks at a signature: it stands for an event that a boundary has verified. */
const event = (pubkey: string, content: string, rest: Partial<VerifiedEvent> = {}): VerifiedEvent =>
  ({
    ...{ id: sha256Hex(pubkey + content), pubkey, kind: 1, created_at: NOW_S, tags: [], content, sig: "" },
    ...rest,
  }) as VerifiedEvent;

interface World {
  readonly databaseOf: (name: string) => Sql;
  /** Starts all objects anew with so many shards. */
  readonly start: (count: number) => void;
  /** Stores events as shards do, each in its own. */
  readonly store: (...events: readonly VerifiedEvent[]) => void;
  /** Lets a manager's call be done by every shard, as the first has them follow. */
  readonly manageAll: (method: string, ...params: readonly string[]) => void;
  readonly rangeOf: (name: string) => ShardRange;
  /** Calls the first shard's alarm until it has moved everything; how often. */
  readonly settle: () => Promise<number>;
  readonly count: () => number;
}

/** `fails`: whether a call between objects is lost, before it was done or after. */
function world(fails: () => "before" | "after" | null = () => null): World {
  const databases = new Map<string, Sql>();
  const ranges = new Map<string, ShardRange>();
  let count = 1;
  let woken = false;
  const databaseOf = (name: string): Sql => {
    const sql = databases.get(name) ?? openSqlite(":memory:");
    if (!databases.has(name)) {
      createRelayTables(sql);
      createLaneTables(sql);
      sql.run(RANGE_DDL);
    }
    databases.set(name, sql);
    return sql;
  };
  const rangeOf = (name: string): ShardRange => {
    const range =
      ranges.get(name) ??
      shardRange(databaseOf(name), {
        ...{ name, count, portOf },
        wake: () => {
          woken = true;
        },
        log: () => undefined,
      });
    ranges.set(name, range);
    return range;
  };
  const portOf = (name: string): RangePort => {
    const called = async <T>(call: (range: ShardRange) => T | Promise<T>): Promise<T> => {
      const failure = fails();
      // It dies: what it had in memory is gone.
      if (failure === "before") ranges.delete(name);
      if (failure === "before") throw new Error("the call is lost");
      const answer = await call(rangeOf(name));
      if (failure === "after") throw new Error("the answer is lost");
      return structuredClone(answer);
    };
    return {
      placed: (asked) => called((range) => range.placed(asked)),
      giveAway: (asked) => called((range) => range.giveAway(asked)),
      take: (asked, moved) => called((range) => range.take(asked, structuredClone(moved))),
    };
  };
  return {
    databaseOf,
    rangeOf,
    start: (shards) => {
      count = shards;
      ranges.clear();
    },
    store: (...events) => {
      for (const each of events) storeEvents(databaseOf(shardName(shardOfEvent(each, count), count)), [each], NOW_S);
    },
    manageAll: (method, ...params) => {
      for (let shard = 0; shard < count; shard += 1) {
        assert.equal(manage(databaseOf(shardName(shard, count)), { method, params: [...params] }, NOW_S), true);
      }
    },
    settle: async () => {
      let alarms = 0;
      while (rangeOf("00").mustMove()) {
        assert.ok(alarms < 10_000, "it ends");
        woken = false;
        alarms += 1;
        await rangeOf("00").move();
        assert.ok(woken || !rangeOf("00").mustMove(), "what is not over goes on");
      }
      return alarms;
    },
    count: () => count,
  };
}

/** Where each stored event lies. */
function placesIn(at: World): readonly (readonly [string, string])[] {
  return Array.from({ length: LIMITS.relay_shards }, (_, index) => shardName(index, LIMITS.relay_shards)).flatMap(
    (name) =>
      at
        .databaseOf(name)
        .all<{ id: string }>("SELECT id FROM relay_events ORDER BY id")
        .map(({ id }) => [id, name] as const),
  );
}

function assertEachInItsShard(at: World, events: readonly VerifiedEvent[]): void {
  const wanted = events.map((each) => [each.id, shardName(shardOfEvent(each, at.count()), at.count())] as const);
  const byId = (a: readonly string[], b: readonly string[]): number => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1);
  assert.deepEqual(placesIn(at).toSorted(byId), wanted.toSorted(byId));
}

test("whichever calls are lost and whichever objects die, each event ends in its shard, once, and what is gone stays gone", async () => {
  let seed = 7;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  let isFailing = false;
  const at = world(() => (isFailing && random() < 0.05 ? (random() < 0.5 ? "before" : "after") : null));
  at.start(4);
  await at.settle();
  const wraps = KEYS.map((recipient, index) =>
    event(key(`once ${index}`), "sealed", { kind: KINDS.gift_wrap.kind, tags: [["p", recipient]] }),
  );
  const notes = KEYS.map((author) => event(author, "a note"));
  const gone = KEYS.map((author) => event(author, "deleted"));
  const deletions = gone.map(({ id, pubkey }) =>
    event(pubkey, "deletion", { kind: KINDS.deletion.kind, tags: [["e", id]] }),
  );
  const [older, newer] = [NOW_S - 1, NOW_S].map((created_at) =>
    KEYS.map((author) => event(author, `profile ${created_at}`, { kind: KINDS.profile.kind, created_at })),
  );
  const kept = [...wraps, ...notes, ...deletions, ...(newer ?? [])];
  at.store(...wraps, ...notes, ...gone, ...deletions, ...(older ?? []), ...(newer ?? []));
  for (const shards of [1, 8, 2, 64, 4, 16, 1]) {
    at.start(shards);
    isFailing = true;
    for (let alarms = 0; alarms < 40 && at.rangeOf("00").mustMove(); alarms += 1) await at.rangeOf("00").move();
    // Broken off: some are asked to move to yet another number.
    if (random() < 0.5) {
      at.start(shards === 1 ? 32 : shards / 2);
      await at.rangeOf("00").move();
    }
    at.start(shards);
    for (let alarms = 0; alarms < 40 && at.rangeOf("00").mustMove(); alarms += 1) await at.rangeOf("00").move();
    isFailing = false;
    await at.settle();
    assertEachInItsShard(at, kept);
    // What was deleted or replaced may be published anew, by anybody who has it.
    at.store(...gone, ...(older ?? []));
    assertEachInItsShard(at, kept);
  }
});

test("where a move is broken off and the number before it set again, what was moved comes back", async () => {
  for (const [before, between] of [
    [4, 2],
    [4, 8],
    [2, 1],
  ] as const) {
    let calls_left = Number.POSITIVE_INFINITY;
    const at = world(() => {
      calls_left -= 1;
      return calls_left < 0 ? "before" : null;
    });
    at.start(before);
    await at.settle();
    const kept = KEYS.map((author) => event(author, "a note"));
    at.store(...kept);
    at.start(between);
    calls_left = between + 3;
    await at.rangeOf("00").move();
    assert.equal(at.rangeOf("00").mustMove(), true, "it is under way");
    calls_left = Number.POSITIVE_INFINITY;
    at.start(before);
    assert.throws(() => assertEachInItsShard(at, kept), "something was moved");
    await at.settle();
    assertEachInItsShard(at, kept);
  }
});

test("what bans say now is what all shards do after a move: also those that were no part of the relay meanwhile", async () => {
  const at = world();
  const [author = "", other = ""] = KEYS.filter((each) => each > "c");
  at.start(4);
  await at.settle();
  const [first, second] = [event(author, "first"), event(author, "second")];
  at.store(first, event(other, "other"));
  at.manageAll("banpubkey", author, "a mistake");
  at.start(1);
  await at.settle();
  at.manageAll("unbanpubkey", author);
  at.store(second);
  at.manageAll("banpubkey", other, "no mistake");
  at.start(4);
  await at.settle();
  assertEachInItsShard(at, [first, second]);
  const third = event(author, "third");
  at.store(third, event(other, "another"));
  assertEachInItsShard(at, [first, second, third]);
});

test("what the relay took before stays, though it would not take it today", async () => {
  const at = world();
  at.start(4);
  await at.settle();
  const kept = KEYS.flatMap((author) => [
    event(author, "of a kind that is not taken any more"),
    event(author, "ahead of a clock that is behind", { created_at: NOW_S + 2 * LIMITS.nostr_ahead_s }),
  ]);
  for (const each of kept) {
    storeEvents(at.databaseOf(shardName(shardOfEvent(each, 4), 4)), [each], NOW_S + 2 * LIMITS.nostr_ahead_s);
  }
  for (let shard = 0; shard < 4; shard += 1) {
    manage(at.databaseOf(shardName(shard, 4)), { method: "disallowkind", params: [1] }, NOW_S);
  }
  for (const shards of [1, 8]) {
    at.start(shards);
    await at.settle();
    assertEachInItsShard(at, kept);
  }
});

test("a sealed event's month does not begin again when it moves, and what expires still does", async () => {
  const at = world();
  at.start(1);
  await at.settle();
  const [recipient = ""] = KEYS.filter((each) => each > "8");
  const came_s = NOW_S - 500;
  const wrap = event(key("once"), "sealed", { kind: KINDS.gift_wrap.kind, tags: [["p", recipient]] });
  const expiring = event(recipient, "expires", { tags: [["expiration", String(NOW_S + 60)]] });
  storeEvents(at.databaseOf("00"), [wrap, expiring], came_s);
  at.start(2);
  await at.settle();
  const rows = at.databaseOf("80").all("SELECT id, expires_at FROM relay_events ORDER BY expires_at");
  assert.deepEqual(
    rows.map(({ id, expires_at }) => [id, expires_at]),
    [
      [expiring.id, NOW_S + 60],
      [wrap.id, came_s + LIMITS.gift_wrap_kept_s],
    ],
  );
});

test("a deletion that moves before it was handed on still finds the listing that it is about", async () => {
  const at = world();
  at.start(1);
  await at.settle();
  const [author = ""] = KEYS.filter((each) => each > "8");
  const listing = `${KINDS.manifest.kind}:${key("seller")}:an-upgrade`;
  const label = event(author, "a label", { kind: KINDS.label.kind, tags: [["a", listing]] });
  const told: string[] = [];
  const laneOf = (name: string) =>
    reputationLane(at.databaseOf(name), (about) => ({
      take: async (_, events) => void told.push(...events.map(({ content }) => `${about} ${content}`)),
    }));
  at.store(label);
  await laneOf("00").take([label]);
  const deletion = event(author, "a deletion", { kind: KINDS.deletion.kind, tags: [["e", label.id]] });
  at.store(deletion);
  at.start(2);
  await at.settle();
  await laneOf("80").take([deletion]);
  assert.deepEqual(told, [`${listing} a label`, `${listing} a deletion`]);
});

test("a shard answers only who knows as many shards as it: while a new number is deployed not all do", async () => {
  const at = world();
  at.start(4);
  await at.settle();
  const range = at.rangeOf("40");
  assert.equal(await range.ask(4), true);
  assert.equal(range.isPlaced(4), true);
  for (const count of [2, 8]) {
    assert.equal(range.isPlaced(count), false);
    assert.equal(await range.ask(count), false);
    await assert.rejects(range.giveAway(count));
  }
  assert.equal(range.isPlaced(4), true);
});

test("a move of more than one alarm goes on where it was, and begins no object again", async () => {
  const sql = openSqlite(":memory:");
  sql.run(RANGE_DDL);
  createRelayTables(sql);
  const calls = new Map<string, number>();
  let [under_way, most] = [0, 0];
  // Fake objects, each of which has much to give away.
  const portOf = (name: string): RangePort => ({
    placed: async () => false,
    take: async () => undefined,
    giveAway: async () => {
      under_way += 1;
      most = Math.max(most, under_way);
      await new Promise(setImmediate);
      under_way -= 1;
      const made = (calls.get(name) ?? 0) + 1;
      calls.set(name, made);
      return made === LIMITS.relay_move_calls;
    },
  });
  const around = { name: "00", portOf, wake: () => undefined, log: () => undefined };
  shardRange(sql, { ...around, count: 2 });
  const range = shardRange(sql, { ...around, count: 8 });
  let alarms = 0;
  for (; range.mustMove(); alarms += 1) {
    assert.ok(alarms < 20, "it ends");
    await range.move();
  }
  assert.ok(alarms >= 8);
  assert.equal(most, LIMITS.relay_move_at_once);
  const names = Array.from({ length: 8 }, (_, index) => shardName(index, 8));
  assert.deepEqual(
    [...calls].toSorted(),
    names.map((name) => [name, LIMITS.relay_move_calls]),
  );
  assert.deepEqual({ ...one(sql, "SELECT made_for, widest FROM relay_range") }, { made_for: 8, widest: 8 });
});
