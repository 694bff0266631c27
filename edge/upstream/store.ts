import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { UpstreamRelay } from "@oa/shared/generated/types.ts";

const DDL = [
  // listed: by authors in their relay lists (NIP-65), and not by whoever runs this edge.
  `CREATE TABLE IF NOT EXISTS up_relays (
     url TEXT PRIMARY KEY,
     listed INTEGER NOT NULL,
     next_at_ms INTEGER NOT NULL,
     failures INTEGER NOT NULL DEFAULT 0,
     pulled_at_ms INTEGER,
     taken INTEGER NOT NULL DEFAULT 0,
     passed_over INTEGER NOT NULL DEFAULT 0,
     missed_seconds INTEGER NOT NULL DEFAULT 0,
     no_sync_until_ms INTEGER NOT NULL DEFAULT 0,
     method TEXT,
     error TEXT) WITHOUT ROWID`,
  // What was read of one filter: all up to since_s, and of the window under way all from until_s up to top_s.
  `CREATE TABLE IF NOT EXISTS up_cursors (
     url TEXT NOT NULL, filter TEXT NOT NULL,
     since_s INTEGER NOT NULL, top_s INTEGER, until_s INTEGER, full_at_s INTEGER NOT NULL,
     PRIMARY KEY (url, filter)) WITHOUT ROWID`,
  // Ids that a relay offers and that are not taken, so that they are not fetched again. By relay: a forged signature
  // from one must not keep out the true event from another.
  `CREATE TABLE IF NOT EXISTS up_refused (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL, id TEXT NOT NULL, UNIQUE (url, id))`,
  "CREATE TABLE IF NOT EXISTS up_authors (seq INTEGER PRIMARY KEY AUTOINCREMENT, pubkey TEXT NOT NULL UNIQUE)",
  "CREATE TABLE IF NOT EXISTS up_dropped (code TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
];

export function createUpstreamTables(sql: Sql): void {
  sql.transaction(() => {
    for (const statement of DDL) sql.run(statement);
  });
}

/** Makes the table hold exactly these relays; what is known of those that stay is kept. */
export function setRelays(sql: Sql, configured: readonly string[], listed: readonly string[], now_ms: number): void {
  const all = [...configured.map((url) => [url, 0]), ...listed.map((url) => [url, 1])];
  const urls = JSON.stringify(all.map(([url]) => url));
  sql.transaction(() => {
    for (const table of ["up_relays", "up_cursors", "up_refused"]) {
      sql.run(`DELETE FROM ${table} WHERE url NOT IN (SELECT value FROM json_each(?))`, urls);
    }
    sql.run(
      `INSERT INTO up_relays (url, listed, next_at_ms)
       SELECT value ->> 0, value ->> 1, ? FROM json_each(?) WHERE true
       ON CONFLICT (url) DO UPDATE SET listed = excluded.listed`,
      now_ms,
      JSON.stringify(all),
    );
  });
}

export interface DueRelay {
  readonly url: string;
  readonly listed: number;
  readonly failures: number;
  readonly no_sync_until_ms: number;
}

/** Relays whose time has come, the longest waiting first. */
export function dueRelays(sql: Sql, now_ms: number): readonly DueRelay[] {
  return sql.all<{ url: string; listed: number; failures: number; no_sync_until_ms: number }>(
    "SELECT url, listed, failures, no_sync_until_ms FROM up_relays WHERE next_at_ms <= ? ORDER BY next_at_ms, url",
    now_ms,
  );
}

/** When the next relay is due; null without relays. */
export function nextDue(sql: Sql): number | null {
  return one<{ next: number | null }>(sql, "SELECT min(next_at_ms) AS next FROM up_relays")?.next ?? null;
}

/** Notes a pull that came to its end, and when the next one is. */
export function notePull(
  sql: Sql,
  url: string,
  method: "negentropy" | "paging",
  now_ms: number,
  next_at_ms: number,
): void {
  sql.run(
    "UPDATE up_relays SET failures = 0, error = NULL, method = ?, pulled_at_ms = ?, next_at_ms = ? WHERE url = ?",
    method,
    now_ms,
    next_at_ms,
    url,
  );
}

/** Notes a pull that failed: the relay is asked again later each time. */
export function noteFailure(sql: Sql, { url, failures }: DueRelay, why: string, now_ms: number): void {
  const wait_ms = Math.min(LIMITS.upstream_backoff_ms_max, LIMITS.upstream_backoff_ms * 2 ** Math.min(failures, 20));
  sql.run(
    "UPDATE up_relays SET failures = failures + 1, error = ?, next_at_ms = ? WHERE url = ?",
    why.slice(0, LIMITS.upstream_error_chars),
    now_ms + wait_ms,
    url,
  );
}

export function noteNoSync(sql: Sql, url: string, until_ms: number): void {
  sql.run("UPDATE up_relays SET no_sync_until_ms = ? WHERE url = ?", until_ms, url);
}

/** Counts what a batch came to: events that are new here, and by code those that are not taken. */
export function noteTaken(sql: Sql, url: string, taken: number, dropped: ReadonlyMap<string, number>): void {
  const passed_over = [...dropped.values()].reduce((sum, count) => sum + count, 0);
  sql.run(
    "UPDATE up_relays SET taken = taken + ?, passed_over = passed_over + ? WHERE url = ?",
    taken,
    passed_over,
    url,
  );
  for (const [code, count] of dropped) {
    sql.run("INSERT INTO up_dropped VALUES (?1, ?2) ON CONFLICT (code) DO UPDATE SET count = count + ?2", code, count);
  }
}

export function noteMissedSecond(sql: Sql, url: string): void {
  sql.run("UPDATE up_relays SET missed_seconds = missed_seconds + 1 WHERE url = ?", url);
}

export interface Cursor {
  readonly since_s: number;
  readonly top_s: number | null;
  readonly until_s: number | null;
  /** When everything was last read from the beginning. */
  readonly full_at_s: number;
}

export function readCursor(sql: Sql, url: string, filter: string): Cursor {
  const row = one<{ since_s: number; top_s: number | null; until_s: number | null; full_at_s: number }>(
    sql,
    "SELECT since_s, top_s, until_s, full_at_s FROM up_cursors WHERE url = ? AND filter = ?",
    url,
    filter,
  );
  return row ?? { since_s: 0, top_s: null, until_s: null, full_at_s: 0 };
}

export function writeCursor(sql: Sql, url: string, filter: string, cursor: Cursor): void {
  const { since_s, top_s, until_s, full_at_s } = cursor;
  sql.run(
    "INSERT OR REPLACE INTO up_cursors VALUES (?, ?, ?, ?, ?, ?)",
    url,
    filter,
    since_s,
    top_s,
    until_s,
    full_at_s,
  );
}

/** Those of the ids that a relay offered before in vain. */
export function refusedBefore(sql: Sql, url: string, ids: readonly string[]): ReadonlySet<string> {
  const rows = sql.all<{ id: string }>(
    "SELECT id FROM up_refused WHERE url = ? AND id IN (SELECT value FROM json_each(?))",
    url,
    JSON.stringify(ids),
  );
  return new Set(rows.map(({ id }) => id));
}

export function rememberRefused(sql: Sql, url: string, ids: readonly string[]): void {
  if (ids.length === 0) return;
  sql.run("INSERT OR IGNORE INTO up_refused (url, id) SELECT ?, value FROM json_each(?)", url, JSON.stringify(ids));
  sql.run("DELETE FROM up_refused WHERE seq <= (SELECT max(seq) FROM up_refused) - ?", LIMITS.upstream_refused);
}

/** Learns authors, in the order they were first seen: earlier ones keep their place. */
export function learnAuthors(sql: Sql, pubkeys: readonly string[]): void {
  sql.run(
    `INSERT OR IGNORE INTO up_authors (pubkey) SELECT value FROM json_each(?)
     LIMIT max(0, ? - (SELECT count(*) FROM up_authors))`,
    JSON.stringify(pubkeys),
    LIMITS.upstream_authors,
  );
}

export function knownAuthors(sql: Sql): readonly string[] {
  return sql.all<{ pubkey: string }>("SELECT pubkey FROM up_authors ORDER BY seq").map(({ pubkey }) => pubkey);
}

/** What is known of each relay, for people. */
export function upstreamStatus(sql: Sql): readonly UpstreamRelay[] {
  const rows = sql.all<{
    url: string;
    listed: number;
    next_at_ms: number;
    failures: number;
    pulled_at_ms: number | null;
    taken: number;
    passed_over: number;
    missed_seconds: number;
    method: string | null;
    error: string | null;
  }>("SELECT * FROM up_relays ORDER BY listed, url");
  return rows.map((row) => ({
    url: row.url,
    source: row.listed === 1 ? "relay list" : "configured",
    method: row.method as UpstreamRelay["method"],
    pulled_at_ms: row.pulled_at_ms,
    next_at_ms: row.next_at_ms,
    failures: row.failures,
    taken: row.taken,
    passed_over: row.passed_over,
    missed_seconds: row.missed_seconds,
    error: row.error,
  }));
}

export function droppedUpstream(sql: Sql): Readonly<Record<string, number>> {
  const rows = sql.all<{ code: string; count: number }>("SELECT code, count FROM up_dropped ORDER BY code");
  return Object.fromEntries(rows.map(({ code, count }) => [code, count]));
}
