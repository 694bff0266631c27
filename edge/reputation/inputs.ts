import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { expirationOf } from "@oa/shared/nostr/expiration.ts";
import { addressOf, KINDS } from "@oa/shared/nostr/kinds.ts";
import { tagValues } from "@oa/shared/nostr/template.ts";
import type { SchnorrVerify, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { type Input, replaces, slotOf } from "@oa/shared/reputation/inputs.ts";
import { readInput } from "@oa/shared/reputation/read.ts";

/**
 * The events that stand about one listing: one row for each place (`slotOf`), so that a rater who rates a thousand times
 * has one. This is the fold's stored state: the same events, in any order, leave the same rows.
 */
const DDL = [
  // With row ids: an event in the key's own tree would take a page of its own.
  `CREATE TABLE IF NOT EXISTS rep_inputs (
     slot TEXT PRIMARY KEY, event_id TEXT NOT NULL, pubkey TEXT NOT NULL, type TEXT NOT NULL,
     created_at INTEGER NOT NULL, expires_at INTEGER, raw TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS rep_inputs_event ON rep_inputs (event_id)",
  "CREATE INDEX IF NOT EXISTS rep_inputs_key ON rep_inputs (pubkey, type)",
  // What its author took back may not come again: an event by id, or an address's versions up to a time (NIP-09).
  `CREATE TABLE IF NOT EXISTS rep_deleted (
     target TEXT NOT NULL, pubkey TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (target, pubkey)) WITHOUT ROWID`,
  "CREATE TABLE IF NOT EXISTS rep_dropped (code TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
];

export function createInputTables(sql: Sql): void {
  for (const statement of DDL) sql.run(statement);
}

/** Takes one verified event about the listing, and says whether anything changed. Taking it again changes nothing. */
export function takeInput(sql: Sql, listing: string, event: VerifiedEvent, schnorr: SchnorrVerify): boolean {
  if (event.kind === KINDS.deletion.kind) return takeDeletion(sql, event);
  // Whether a zap counts is asked when the score is reckoned: until then it need only claim to be by who signed it.
  const input = readInput(event, { provider: event.pubkey, schnorr });
  if (isRejection(input)) return drop(sql, input.code);
  if (input.type === "follows" || input.is.listing !== listing) return drop(sql, "foreign_event");
  if (isDeleted(sql, event)) return drop(sql, "event_deleted");
  const slot = input.type === "zap" ? `${slotOf(input)} ${event.pubkey}` : slotOf(input);
  const held = one<{ raw: string }>(sql, "SELECT raw FROM rep_inputs WHERE slot = ?", slot);
  if (held === undefined) {
    const full = isFull(sql, event.pubkey, input.type);
    if (full) return drop(sql, "rate_limited");
  } else {
    const before = readInput(JSON.parse(held.raw) as VerifiedEvent, { provider: event.pubkey, schnorr });
    if (isRejection(before) || !replaces(input, before)) return false;
  }
  sql.run(
    "INSERT OR REPLACE INTO rep_inputs (slot, event_id, pubkey, type, created_at, expires_at, raw) VALUES (?, ?, ?, ?, ?, ?, ?)",
    slot,
    event.id,
    event.pubkey,
    input.type,
    event.created_at,
    expirationOf(event),
    JSON.stringify(event),
  );
  return true;
}

/** Everything that stands and has not expired. */
export function standingInputs(
  sql: Sql,
  zaps: { readonly provider: string | null; readonly schnorr: SchnorrVerify },
  now_s: number,
): readonly Input[] {
  const inputs: Input[] = [];
  for (let after = ""; ; ) {
    const rows = sql.all<{ slot: string; raw: string }>(
      `SELECT slot, raw FROM rep_inputs WHERE slot > ? AND (expires_at IS NULL OR expires_at > ?)
       ORDER BY slot LIMIT ${LIMITS.reputation_page}`,
      after,
      now_s,
    );
    for (const { raw } of rows) {
      const input = readInput(JSON.parse(raw) as VerifiedEvent, zaps);
      if (!isRejection(input)) inputs.push(input);
    }
    const last = rows.at(-1);
    if (last === undefined) return inputs;
    after = last.slot;
  }
}

/** The raters with a rating here. */
export function ratersOf(inputs: readonly Input[]): ReadonlySet<string> {
  return new Set(inputs.flatMap(({ type, is }) => (type === "rating" ? [is.rater] : [])));
}

/** Whether there are zap receipts, so that the author's wallet is worth asking for. */
export function hasZaps(sql: Sql): boolean {
  return one(sql, "SELECT 1 AS here FROM rep_inputs WHERE type = 'zap' LIMIT 1") !== undefined;
}

/** Forgets receipts that the author's wallet did not sign: anybody can make those. */
export function forgetForeignZaps(sql: Sql, provider: string): void {
  sql.run("DELETE FROM rep_inputs WHERE type = 'zap' AND pubkey <> ?", provider);
}

export function droppedInputs(sql: Sql): Readonly<Record<string, number>> {
  const rows = sql.all<{ code: string; count: number }>("SELECT code, count FROM rep_dropped ORDER BY code LIMIT 100");
  return Object.fromEntries(rows.map(({ code, count }) => [code, count]));
}

/** What a deletion names, of its own author only. */
function takeDeletion(sql: Sql, deletion: VerifiedEvent): boolean {
  const targets = [...tagValues(deletion, "e"), ...tagValues(deletion, "a")];
  let changed = false;
  for (const target of new Set(targets)) {
    sql.run(
      `INSERT INTO rep_deleted (target, pubkey, until) VALUES (?, ?, ?)
       ON CONFLICT (target, pubkey) DO UPDATE SET until = max(until, excluded.until)`,
      target,
      deletion.pubkey,
      deletion.created_at,
    );
  }
  const own = sql.all<{ slot: string; raw: string }>(
    `SELECT slot, raw FROM rep_inputs WHERE pubkey = ? AND
       (event_id IN (SELECT value FROM json_each(?)) OR slot IN (SELECT value FROM json_each(?)))`,
    deletion.pubkey,
    JSON.stringify(targets),
    JSON.stringify(tagValues(deletion, "a").map((address) => slotOfAddress(address, deletion.pubkey))),
  );
  for (const { slot, raw } of own) {
    if (!isDeleted(sql, JSON.parse(raw) as VerifiedEvent)) continue;
    sql.run("DELETE FROM rep_inputs WHERE slot = ?", slot);
    changed = true;
  }
  return changed;
}

/** Where the newest version of an address stands; see `slotOf`. */
function slotOfAddress(address: string, pubkey: string): string {
  const rated = `${KINDS.rating.kind}:${pubkey}:`;
  return address.startsWith(rated) ? `rating ${address.slice(rated.length)} ${pubkey}` : `receipt ${address}`;
}

function isDeleted(sql: Sql, event: VerifiedEvent): boolean {
  return (
    one(
      sql,
      "SELECT 1 AS here FROM rep_deleted WHERE pubkey = ?1 AND (target = ?2 OR (target = ?3 AND until >= ?4))",
      event.pubkey,
      event.id,
      addressOf(event),
      event.created_at,
    ) !== undefined
  );
}

/** One key may not fill the listing, and all keys together not the object. */
function isFull(sql: Sql, pubkey: string, type: Input["type"]): boolean {
  const count = (where: string, ...params: readonly string[]): number =>
    one<{ count: number }>(sql, `SELECT count(*) AS count FROM rep_inputs ${where}`, ...params)?.count ?? 0;
  // The author's wallet signs every zap, and the author every receipt: neither is bounded by key.
  if (
    type === "attestation" &&
    count("WHERE pubkey = ? AND type = ?", pubkey, type) >= LIMITS.reputation_inputs_per_key
  )
    return true;
  return count("") >= LIMITS.reputation_inputs;
}

function drop(sql: Sql, code: string): false {
  sql.run(
    "INSERT INTO rep_dropped (code, count) VALUES (?, 1) ON CONFLICT (code) DO UPDATE SET count = count + 1",
    code,
  );
  return false;
}
