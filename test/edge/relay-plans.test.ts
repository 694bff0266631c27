import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import { type NostrFilter, parseFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { handOver, hasPending } from "../../edge/ingest.ts";
import { CONNECTIONS_DDL } from "../../edge/relay/connection.ts";
import { heardNews } from "../../edge/relay/heard-news.ts";
import { manage } from "../../edge/relay/management.ts";
import { partsElsewhere, RANGE_DDL, takeMoved } from "../../edge/relay/move.ts";
import { countEvents, findRows, readRaws, syncItems } from "../../edge/relay/query.ts";
import { createRelayTables, eventsAfter, storeEvents, sweepExpired } from "../../edge/relay/store.ts";
import { tellDoors } from "../../edge/relay/tell-doors.ts";
import { createLaneTables, reputationLane } from "../../edge/reputation/lane.ts";

/** That what a shard asks of its database stays fast as it fills: each question enters an index. */
const NOW_S = Math.floor(Date.now() / 1000);
const event = (index: number, kind: number, tags: string[][] = []): VerifiedEvent =>
  // Nothing here looks at a signature: it stands for an event that a boundary has verified.
  ({
    ...{ id: sha256Hex(`event ${index}`), pubkey: sha256Hex(`author ${index % 5}`), kind, tags },
    ...{ created_at: NOW_S, content: `words ${index}`, sig: "" },
  }) as unknown as VerifiedEvent;
const PUBKEY = event(0, 1).pubkey;

function planOf(sql: Sql, statement: string, params: readonly SqlValue[]): readonly string[] {
  return sql.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`, ...params).map(({ detail }) => detail);
}

/** A shard's database that writes down how each statement is to be done. */
function watchedShard(): { readonly sql: Sql; readonly plans: { statement: string; step: string }[] } {
  const database = openSqlite(":memory:");
  createRelayTables(database);
  createLaneTables(database);
  database.run(RANGE_DDL);
  database.run(CONNECTIONS_DDL);
  const plans: { statement: string; step: string }[] = [];
  const watch = (statement: string, params: readonly SqlValue[]): void => {
    if (/^(CREATE|BEGIN|COMMIT|SAVEPOINT|RELEASE)/.test(statement)) return;
    for (const step of planOf(database, statement, params)) plans.push({ statement, step });
  };
  return {
    plans,
    sql: {
      ...database,
      all: (statement, ...params) => {
        watch(statement, params);
        return database.all(statement, ...params);
      },
      run: (statement, ...params) => {
        watch(statement, params);
        database.run(statement, ...params);
      },
    },
  };
}

/** Tables of a bounded few rows, which may be walked: so many doors, shards and bans there are; and what is given. */
const SMALL = /^SCAN (relay_(told|heard|range|bans)|sqlite_sequence|CONSTANT ROW|\d+-ROW VALUES|\(subquery)/;

test("no question of a shard walks a table, whatever is asked together", async () => {
  const { sql, plans } = watchedShard();
  const events = Array.from({ length: 40 }, (_, index) =>
    event(index, index % 2 === 0 ? KINDS.label.kind : KINDS.note.kind, [
      ["t", "x"],
      ["L", "openagents.upgrade"],
    ]),
  );
  const deletion = event(90, KINDS.deletion.kind, [
    ["e", sha256Hex("event 1")],
    ["a", `0:${PUBKEY}:`],
  ]);
  storeEvents(sql, [...events, event(91, KINDS.profile.kind), deletion], NOW_S);
  sweepExpired(sql, NOW_S);
  const told = tellDoors(sql, 0, () => ({ deliver: async () => true }));
  told.listen("door");
  await told.tell([]);
  await told.settle();
  eventsAfter(sql, 3, 1_000);
  heardNews(sql, true)(1, { fresh: [], mark: 1, missed: false });
  readRaws(sql, [1, 2, 3], 10_000);
  assert.equal(hasPending(sql), true);
  await handOver(
    sql,
    "reputation",
    reputationLane(sql, () => ({ take: async () => undefined })),
  );
  for (const part of partsElsewhere(sql, "00", 2)) takeMoved(sql, { bans: [], ...part?.moved }, NOW_S);
  for (const method of ["banpubkey", "unbanpubkey"]) manage(sql, { method, params: [PUBKEY] }, NOW_S);
  for (const method of ["banevent", "unbanevent"]) manage(sql, { method, params: [sha256Hex("event 3")] }, NOW_S);
  for (const filter of everyFilter()) {
    findRows(sql, [filter], new Set([PUBKEY]), NOW_S, 1_000_000);
    // All there are are counted one by one, up to the limit of counts.
    if (!isAll(filter)) countEvents(sql, [filter, { kinds: [1], tags: {} }], new Set<string>(), NOW_S);
    if (filter.search === undefined) syncItems(sql, { filter, reader: "edge", most: LIMITS.sync_events }, NOW_S);
  }
  const walks = plans.filter(({ step }) => /^SCAN (?!.*VIRTUAL TABLE)/.test(step) && !SMALL.test(step));
  assert.deepEqual([...new Set(walks.map(({ step, statement }) => `${step} — ${statement}`))], []);
  assert.ok(plans.length > 300, `${plans.length}`);
});

function isAll({ tags, limit: _, ...conditions }: NostrFilter): boolean {
  return Object.keys(conditions).length + Object.keys(tags).length === 0;
}

/** Every condition by itself and with every other. */
function everyFilter(): readonly NostrFilter[] {
  const parts: readonly object[] = [
    ...[{ kinds: [1] }, { authors: [PUBKEY] }, { ids: [sha256Hex("event 2")] }, { "#t": ["x"] }],
    ...[{ since: NOW_S - 10 }, { until: NOW_S }, { search: "words" }, { limit: 1 }, {}],
    { authors: Array.from({ length: LIMITS.relay_branches + 1 }, (_, index) => sha256Hex(`author ${index}`)) },
  ];
  return parts.flatMap((part, index) =>
    parts.slice(index).flatMap((other) => {
      const filter = parseFilter({ ...part, ...other });
      return "code" in filter ? [] : [filter];
    }),
  );
}

test("what is not for a lane is looked at once, however much of it comes", async () => {
  const { sql, plans } = watchedShard();
  const taker = { take: async () => undefined };
  const cursor = (): number => one<{ seq: number }>(sql, "SELECT seq FROM relay_cursors")?.seq ?? 0;
  const store = (from: number, count: number): void => {
    const events = Array.from({ length: count }, (_, index) => event(from + index, KINDS.note.kind));
    sql.transaction(() => storeEvents(sql, events, NOW_S));
  };
  store(0, LIMITS.relay_handover_skipped);
  await handOver(sql, "catalog", taker);
  assert.equal(cursor(), 0, "a few cost no write");
  store(LIMITS.relay_handover_skipped, 1);
  await handOver(sql, "catalog", taker);
  assert.equal(cursor(), LIMITS.relay_handover_skipped + 1);
  const looks = plans.filter(
    ({ statement, step }) => /FROM relay_events WHERE seq >/.test(statement) && /relay_events/.test(step),
  );
  assert.ok(looks.length > 0 && looks.every(({ step }) => step.endsWith("USING INTEGER PRIMARY KEY (rowid>?)")));
});
