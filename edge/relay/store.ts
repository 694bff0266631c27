import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { addressOf, KINDS, retentionOf, tagValue } from "@oa/shared/nostr/kinds.ts";
import { isHex32, type NostrEvent, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { searchText } from "./search.ts";

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
  "CREATE INDEX IF NOT EXISTS relay_events_time ON relay_events (created_at DESC, id)",
  "CREATE INDEX IF NOT EXISTS relay_events_kind ON relay_events (kind, created_at DESC, id)",
  "CREATE INDEX IF NOT EXISTS relay_events_author ON relay_events (pubkey, kind, created_at DESC)",
  "CREATE INDEX IF NOT EXISTS relay_events_expiry ON relay_events (expires_at) WHERE expires_at IS NOT NULL",
  `CREATE TABLE IF NOT EXISTS relay_tags (
     name TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL,
     PRIMARY KEY (name, value, seq)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS relay_tags_seq ON relay_tags (seq)",
  "CREATE VIRTUAL TABLE IF NOT EXISTS relay_search USING fts5 (words, tokenize = 'porter unicode61 remove_diacritics 2')",
  // What may never come back (NIP-09): an event by id, or an address's versions up to a time.
  `CREATE TABLE IF NOT EXISTS relay_deletions (
     target TEXT NOT NULL, pubkey TEXT NOT NULL, until INTEGER NOT NULL,
     PRIMARY KEY (target, pubkey)) WITHOUT ROWID`,
  "CREATE TABLE IF NOT EXISTS relay_cursors (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS relay_subscriptions (connection TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
];

export function createRelayTables(sql: Sql): void {
  sql.transaction(() => {
    for (const statement of DDL) sql.run(statement);
  });
}

/**
 * Stores a verified event as its kind is kept (NIP-01), inside the caller's transaction. Returns null when it is new
 * and now stored (an ephemeral one is only new). Refusals: event_duplicate, event_superseded, event_deleted,
 * event_expired, event_in_future. NIP-01, 09, 40.
 */
export function storeEvent(sql: Sql, event: VerifiedEvent, now_s: number): Rejection | null {
  if (event.created_at > now_s + LIMITS.nostr_ahead_s) {
    return reject(
      "event_in_future",
      `created_at is more than ${LIMITS.nostr_ahead_s / 60} minutes ahead of this clock`,
    );
  }
  const expires_at = expirationOf(event);
  if (expires_at !== null && expires_at <= now_s) return reject("event_expired", "the event has expired");
  const retention = retentionOf(event.kind);
  if (retention === "ephemeral") return null;
  const address = retention === "regular" ? null : addressOf(event);
  const known = knownState(sql, event, address);
  if (known !== null) return known;
  if (address !== null) {
    const stored = one<{ seq: number; id: string; created_at: number }>(
      sql,
      "SELECT seq, id, created_at FROM relay_events WHERE address = ?",
      address,
    );
    if (stored !== undefined) {
      const newer =
        event.created_at > stored.created_at || (event.created_at === stored.created_at && event.id < stored.id);
      if (!newer) return reject("event_superseded", "a newer version of this event is stored");
      removeEvents(sql, [stored.seq]);
    }
  }
  insert(sql, event, address, expires_at);
  if (event.kind === KINDS.deletion.kind) applyDeletion(sql, event);
  return null;
}

function knownState(sql: Sql, event: NostrEvent, address: string | null): Rejection | null {
  const known = one<{ stored: number; deleted: number }>(
    sql,
    `SELECT EXISTS (SELECT 1 FROM relay_events WHERE id = ?1) AS stored,
       EXISTS (SELECT 1 FROM relay_deletions WHERE pubkey = ?2
         AND (target = ?1 OR (target = ?3 AND until >= ?4))) AS deleted`,
    event.id,
    event.pubkey,
    address,
    event.created_at,
  );
  if (known?.stored === 1) return reject("event_duplicate", "this event is stored already");
  if (known?.deleted === 1) return reject("event_deleted", "its author has deleted this event");
  return null;
}

function insert(sql: Sql, event: NostrEvent, address: string | null, expires_at: number | null): void {
  const row = one<{ seq: number }>(
    sql,
    `INSERT INTO relay_events (id, pubkey, kind, created_at, address, expires_at, raw)
     VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING seq`,
    event.id,
    event.pubkey,
    event.kind,
    event.created_at,
    address,
    expires_at,
    JSON.stringify(event),
  );
  const seq = row?.seq ?? 0;
  const tags = event.tags.filter(([name = "", value]) => /^[A-Za-z]$/.test(name) && value !== undefined);
  if (tags.length > 0) {
    sql.run(
      `INSERT OR IGNORE INTO relay_tags (name, value, seq)
       SELECT value ->> 0, value ->> 1, ? FROM json_each(?)`,
      seq,
      JSON.stringify(tags),
    );
  }
  const words = searchText(event);
  if (words !== null) sql.run("INSERT INTO relay_search (rowid, words) VALUES (?, ?)", seq, words);
}

/** Deletes what a kind-5 event names, of its own author only and never another deletion (NIP-09). */
function applyDeletion(sql: Sql, deletion: NostrEvent): void {
  const ids = deletion.tags.flatMap(([name, value]) => (name === "e" && isHex32(value) ? [value] : []));
  const addresses = deletion.tags.flatMap(([name, value]) =>
    name === "a" && value?.split(":")[1] === deletion.pubkey ? [value] : [],
  );
  const doomed = sql.all<{ seq: number }>(
    `SELECT seq FROM relay_events WHERE pubkey = ?1 AND kind <> ?2
       AND (id IN (SELECT value FROM json_each(?3))
         OR (address IN (SELECT value FROM json_each(?4)) AND created_at <= ?5))`,
    deletion.pubkey,
    KINDS.deletion.kind,
    JSON.stringify(ids),
    JSON.stringify(addresses),
    deletion.created_at,
  );
  removeEvents(
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

function removeEvents(sql: Sql, seqs: readonly number[]): void {
  if (seqs.length === 0) return;
  const list = JSON.stringify(seqs);
  sql.run("DELETE FROM relay_tags WHERE seq IN (SELECT value FROM json_each(?))", list);
  sql.run("DELETE FROM relay_search WHERE rowid IN (SELECT value FROM json_each(?))", list);
  sql.run("DELETE FROM relay_events WHERE seq IN (SELECT value FROM json_each(?))", list);
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
      removeEvents(
        sql,
        expired.map(({ seq }) => seq),
      ),
    );
  }
  return one<{ next: number | null }>(sql, "SELECT min(expires_at) AS next FROM relay_events")?.next ?? null;
}

/** When the event expires (NIP-40), or null. A tag that is no time is ignored. */
export function expirationOf(event: Pick<NostrEvent, "tags">): number | null {
  const text = tagValue(event, "expiration");
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : null;
}
