import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import { expirationOf, keptUntil } from "@oa/shared/nostr/expiration.ts";
import { addressOf, KINDS, retentionOf } from "@oa/shared/nostr/kinds.ts";
import { isHex32, type NostrEvent, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { BANS_DDL, hasBans, refuseBanned } from "./bans.ts";
import { searchText } from "./search.ts";
import type { Fresh } from "./shard-tasks.ts";

const DDL = [
  `CREATE TABLE IF NOT EXISTS relay_events (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     pubkey TEXT NOT NULL,
     kind INTEGER NOT NULL,
     created_at INTEGER NOT NULL,
     address TEXT,
     expires_at INTEGER,
     raw TEXT NOT NULL)`,
  "CREATE UNIQUE INDEX IF NOT EXISTS relay_events_address ON relay_events (address) WHERE address IS NOT NULL",
  // Without the id, which would double their size: the few events of one second are sorted when they are read.
  "CREATE INDEX IF NOT EXISTS relay_events_time ON relay_events (created_at)",
  "CREATE INDEX IF NOT EXISTS relay_events_kind ON relay_events (kind, created_at)",
  "CREATE INDEX IF NOT EXISTS relay_events_author ON relay_events (pubkey, created_at)",
  "CREATE INDEX IF NOT EXISTS relay_events_expiry ON relay_events (expires_at) WHERE expires_at IS NOT NULL",
  `CREATE TABLE IF NOT EXISTS relay_tags (
     name TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL,
     PRIMARY KEY (name, value, seq)) WITHOUT ROWID`,
  // Words are looked up, never shown or placed: the index keeps no text and no positions.
  `CREATE VIRTUAL TABLE IF NOT EXISTS relay_search USING fts5 (
     words, content = '', contentless_delete = 1, detail = none, tokenize = 'porter unicode61 remove_diacritics 2')`,
  // What may never come back (NIP-09): an event by id, or an address's versions up to a time.
  `CREATE TABLE IF NOT EXISTS relay_deletions (
     target TEXT NOT NULL, pubkey TEXT NOT NULL, until INTEGER NOT NULL,
     PRIMARY KEY (target, pubkey)) WITHOUT ROWID`,
  "CREATE TABLE IF NOT EXISTS relay_cursors (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
  ...BANS_DDL,
];

export function createRelayTables(sql: Sql): void {
  sql.transaction(() => {
    for (const statement of DDL) sql.run(statement);
  });
}

/** The place of the newest event that was ever stored: what is stored later has a higher one, whatever is deleted. */
export function lastMark(sql: Sql): number {
  return one<{ seq: number }>(sql, "SELECT seq FROM sqlite_sequence WHERE name = 'relay_events'")?.seq ?? 0;
}

/** How many rows are read at a time: of the largest events, about what a call carries. */
const PAGE = 32;

/** What was stored after a mark, in that order, as much as there is room for; one at least where there is any. */
export function eventsAfter(sql: Sql, mark: number, chars: number): readonly Fresh[] {
  const found: Fresh[] = [];
  let room = chars;
  for (let after = mark; ; ) {
    const rows = sql.all<{ mark: number; raw: string }>(
      `SELECT seq AS mark, raw FROM relay_events WHERE seq > ? ORDER BY seq LIMIT ${PAGE}`,
      after,
    );
    for (const row of rows) {
      room -= row.raw.length;
      if (room < 0 && found.length > 0) return found;
      found.push(row);
      after = row.mark;
    }
    if (rows.length < PAGE) return found;
  }
}

/** When a stored event goes, in Unix seconds. */
export type Expiry = { readonly id: string; readonly expires_at: number };

/** The place of an event that is new and now stored; null for an ephemeral one, which is only new; or why it is not. */
type Stored = number | null | Rejection;

/**
 * Stores verified events in order, as their kinds are kept (NIP-01), inside the caller's transaction. `refuse`: why one
 * may not come in at present. Refusals: its own; event_duplicate, event_superseded, event_deleted. NIP-01, 09.
 */
export function storeEvents(
  sql: Sql,
  events: readonly VerifiedEvent[],
  now_s: number,
  refuse = refuseNew(sql, now_s),
): readonly Stored[] {
  const results: Stored[] = [];
  let group: Entry[] = [];
  const taken = new Set<string>();
  const flush = (): void => {
    storeGroup(sql, group, results, now_s);
    group = [];
    taken.clear();
  };
  events.forEach((event, index) => {
    const refusal = refuse(event);
    results.push(refusal);
    const retention = retentionOf(event.kind);
    if (refusal !== null || retention === "ephemeral") return;
    const address = retention === "regular" ? null : addressOf(event);
    // Events of one group are stored together, so none may decide about another.
    if (taken.has(event.id) || (address !== null && taken.has(address))) flush();
    group.push({ event, address, index });
    taken.add(event.id);
    if (address !== null) taken.add(address);
    if (event.kind === KINDS.deletion.kind) flush();
  });
  flush();
  return results;
}

/** An event to store, and where its result belongs. */
interface Entry {
  readonly event: VerifiedEvent;
  readonly address: string | null;
  readonly index: number;
}

/** Refusals: event_expired (NIP-40), event_in_future; as bans refuse. */
function refuseNew(sql: Sql, now_s: number): (event: VerifiedEvent) => Rejection | null {
  const banning = hasBans(sql);
  return (event) => refuseTime(event, now_s) ?? (banning ? refuseBanned(sql, event) : null);
}

function refuseTime(event: NostrEvent, now_s: number): Rejection | null {
  if (event.created_at > now_s + LIMITS.nostr_ahead_s) {
    return reject(
      "event_in_future",
      `created_at is more than ${LIMITS.nostr_ahead_s / 60} minutes ahead of this clock`,
    );
  }
  const expires_at = expirationOf(event);
  return expires_at !== null && expires_at <= now_s ? reject("event_expired", "the event has expired") : null;
}

/** Events with ids and addresses of their own; a deletion is the last. A statement costs more than a row. */
function storeGroup(sql: Sql, group: readonly Entry[], results: Stored[], now_s: number): void {
  if (group.length === 0) return;
  const { known, deleted } = knownTargets(sql, group);
  const held = heldVersions(sql, group);
  const replaced: number[] = [];
  const fresh = group.filter(({ event, address, index }) => {
    const version = address === null ? undefined : held.get(address);
    if (known.has(event.id)) results[index] = reject("event_duplicate", "this event is stored already");
    else if (isDeleted(deleted, event, address)) {
      results[index] = reject("event_deleted", "its author has deleted this event");
    } else if (version !== undefined && !supersedes(event, version)) {
      results[index] = reject("event_superseded", "a newer version of this event is stored");
    } else {
      if (version !== undefined) replaced.push(version.seq);
      return true;
    }
    return false;
  });
  deleteEvents(sql, replaced);
  insertAll(sql, fresh, results, now_s);
  for (const { event } of fresh) if (event.kind === KINDS.deletion.kind) applyDeletion(sql, event);
}

interface Known {
  readonly known: ReadonlySet<string>;
  /** By `<pubkey> <id or address>`: until when its versions stay deleted. */
  readonly deleted: ReadonlyMap<string, number>;
}

function knownTargets(sql: Sql, group: readonly Entry[]): Known {
  const rows = sql.all<{ target: string; pubkey: string | null; until: number }>(
    `SELECT id AS target, NULL AS pubkey, 0 AS until FROM relay_events WHERE id IN (SELECT value FROM json_each(?1))
     UNION ALL
     SELECT target, pubkey, until FROM relay_deletions WHERE target IN (SELECT value FROM json_each(?2))`,
    JSON.stringify(group.map(({ event }) => event.id)),
    JSON.stringify(group.flatMap(({ event, address }) => (address === null ? [event.id] : [event.id, address]))),
  );
  const deletions = rows.filter(({ pubkey }) => pubkey !== null);
  return {
    known: new Set(rows.flatMap(({ target, pubkey }) => (pubkey === null ? [target] : []))),
    deleted: new Map(deletions.map(({ target, pubkey, until }) => [`${pubkey} ${target}`, until])),
  };
}

function isDeleted(deleted: Known["deleted"], event: NostrEvent, address: string | null): boolean {
  if (event.kind === KINDS.key_rotation.kind) return false;
  if (deleted.has(`${event.pubkey} ${event.id}`)) return true;
  return (deleted.get(`${event.pubkey} ${address}`) ?? -1) >= event.created_at;
}

interface Version {
  readonly seq: number;
  readonly id: string;
  readonly created_at: number;
}

function heldVersions(sql: Sql, group: readonly Entry[]): ReadonlyMap<string, Version> {
  const addresses = group.flatMap(({ address }) => (address === null ? [] : [address]));
  if (addresses.length === 0) return new Map();
  const rows = sql.all<{ address: string; seq: number; id: string; created_at: number }>(
    `SELECT address, seq, id, created_at FROM relay_events
     WHERE address IN (SELECT value FROM json_each(?))`,
    JSON.stringify(addresses),
  );
  return new Map(rows.map((row) => [row.address, row]));
}

/** NIP-01: the newest version stays; among equals the one with the lowest id. */
function supersedes(event: NostrEvent, held: Version): boolean {
  return event.created_at > held.created_at || (event.created_at === held.created_at && event.id < held.id);
}

const EVENT_ROWS = Math.floor(LIMITS.sql_params / 7);
const WORD_ROWS = Math.floor(LIMITS.sql_params / 2);

function insertAll(sql: Sql, entries: readonly Entry[], results: Stored[], now_s: number): void {
  const tags: (readonly [string, string, number])[] = [];
  const words: (readonly [number, string])[] = [];
  for (const part of chunks(entries, EVENT_ROWS)) {
    const rows = sql.all<{ seq: number; id: string }>(
      `INSERT INTO relay_events (id, pubkey, kind, created_at, address, expires_at, raw)
       VALUES ${part.map(() => "(?, ?, ?, ?, ?, ?, ?)").join(", ")} RETURNING seq, id`,
      ...part.flatMap(({ event, address }): SqlValue[] => [
        event.id,
        event.pubkey,
        event.kind,
        event.created_at,
        address,
        keptUntil(event, now_s),
        JSON.stringify(event),
      ]),
    );
    const seqs = new Map(rows.map(({ id, seq }) => [id, seq]));
    for (const { event, index } of part) {
      const seq = seqs.get(event.id) ?? 0;
      results[index] = seq;
      for (const [name = "", value] of event.tags) {
        if (value !== undefined && /^[A-Za-z]$/.test(name)) tags.push([name, value, seq]);
      }
      const text = searchText(event);
      if (text !== null) words.push([seq, text]);
    }
  }
  if (tags.length > 0) {
    sql.run(
      `INSERT OR IGNORE INTO relay_tags (name, value, seq)
       SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)`,
      JSON.stringify(tags),
    );
  }
  for (const part of chunks(words, WORD_ROWS)) {
    sql.run(`INSERT INTO relay_search (rowid, words) VALUES ${part.map(() => "(?, ?)").join(", ")}`, ...part.flat());
  }
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) =>
    items.slice(part * size, (part + 1) * size),
  );
}

/**
 * Deletes what a kind-5 event names, of its own author only and never another deletion (NIP-09); nor what was said of a
 * key, since whoever stole it could unsay that.
 */
function applyDeletion(sql: Sql, deletion: NostrEvent): void {
  const ids = deletion.tags.flatMap(([name, value]) => (name === "e" && isHex32(value) ? [value] : []));
  const addresses = deletion.tags.flatMap(([name, value]) =>
    name === "a" && value?.split(":")[1] === deletion.pubkey ? [value] : [],
  );
  const doomed = sql.all<{ seq: number }>(
    `SELECT seq FROM relay_events WHERE pubkey = ?1 AND kind NOT IN (SELECT value FROM json_each(?2))
       AND (id IN (SELECT value FROM json_each(?3))
         OR (address IN (SELECT value FROM json_each(?4)) AND created_at <= ?5))`,
    deletion.pubkey,
    JSON.stringify([KINDS.deletion.kind, KINDS.key_rotation.kind]),
    JSON.stringify(ids),
    JSON.stringify(addresses),
    deletion.created_at,
  );
  deleteEvents(
    sql,
    doomed.map(({ seq }) => seq),
  );
  sql.run(
    `INSERT INTO relay_deletions (target, pubkey, until)
     SELECT value, ?1, ?2 FROM json_each(?3) WHERE true
     ON CONFLICT (target, pubkey) DO UPDATE SET until = max(until, excluded.until)`,
    deletion.pubkey,
    deletion.created_at,
    JSON.stringify([...new Set([...ids, ...addresses])]),
  );
}

/** Takes events out by their place in the store, inside the caller's transaction. */
export function deleteEvents(sql: Sql, seqs: readonly number[]): void {
  if (seqs.length === 0) return;
  const list = JSON.stringify(seqs);
  // By the whole key, read from the event: an index by seq would cost every insert more than it saves here.
  sql.run(
    `DELETE FROM relay_tags WHERE (name, value, seq) IN (
       SELECT tag.value ->> 0, tag.value ->> 1, e.seq FROM relay_events e, json_each(e.raw, '$.tags') tag
       WHERE e.seq IN (SELECT value FROM json_each(?)))`,
    list,
  );
  sql.run("DELETE FROM relay_search WHERE rowid IN (SELECT value FROM json_each(?))", list);
  sql.run("DELETE FROM relay_events WHERE seq IN (SELECT value FROM json_each(?))", list);
}

/** When stored events go, of those that do. */
export function expiriesOf(sql: Sql, seqs: readonly number[]): readonly Expiry[] {
  return sql.all<Expiry>(
    `SELECT id, expires_at FROM relay_events
     WHERE seq IN (SELECT value FROM json_each(?)) AND +expires_at IS NOT NULL`,
    JSON.stringify(seqs),
  );
}

/** Has stored events go at these times, where they would go later. */
export function expireSooner(sql: Sql, expiries: readonly Expiry[]): void {
  for (const { id, expires_at } of expiries) {
    sql.run("UPDATE relay_events SET expires_at = ?1 WHERE id = ?2 AND expires_at > ?1", expires_at, id);
  }
}

/** Removes events that have expired (NIP-40), and says when the next one will, in Unix seconds. */
export function sweepExpired(sql: Sql, now_s: number): number | null {
  for (;;) {
    const expired = sql.all<{ seq: number }>(
      "SELECT seq FROM relay_events WHERE expires_at <= ? ORDER BY expires_at LIMIT 500",
      now_s,
    );
    if (expired.length === 0) break;
    sql.transaction(() =>
      deleteEvents(
        sql,
        expired.map(({ seq }) => seq),
      ),
    );
  }
  return one<{ next: number | null }>(sql, "SELECT min(expires_at) AS next FROM relay_events")?.next ?? null;
}
