import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";

export const BANS_DDL = [
  // Keys and events that this relay refuses; `kind` is pubkey, event or kind.
  `CREATE TABLE IF NOT EXISTS relay_bans (
     kind TEXT NOT NULL, value TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (kind, value)) WITHOUT ROWID`,
  // What a ban took out of the relay: it comes back when the ban is lifted.
  `CREATE TABLE IF NOT EXISTS relay_banned_events (
     id TEXT PRIMARY KEY, pubkey TEXT NOT NULL, raw TEXT NOT NULL) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS relay_banned_events_pubkey ON relay_banned_events (pubkey)",
  "CREATE TABLE IF NOT EXISTS relay_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
];

/** Why the relay may not take an event; null where it may. Refusals: pubkey_banned, event_deleted, kind_not_relayed. */
export function refuseBanned(sql: Sql, { id, pubkey, kind }: NostrEvent): Rejection | null {
  const found = one<{ kind: string; reason: string }>(
    sql,
    `SELECT kind, reason FROM relay_bans WHERE (kind = 'pubkey' AND value = ?) OR (kind = 'event' AND value = ?)
       OR (kind = 'kind' AND value = ?) LIMIT 1`,
    ...[pubkey, id, String(kind)],
  );
  if (found === undefined) return null;
  const why = found.reason === "" ? "" : `: ${found.reason}`;
  if (found.kind === "pubkey") return reject("pubkey_banned", `this relay takes nothing by ${pubkey}${why}`);
  if (found.kind === "event") return reject("event_deleted", `this relay does not take this event${why}`);
  return reject("kind_not_relayed", `this relay does not take events of kind ${kind} at present`);
}

/** Whether anything is banned: where nothing is, an event costs no look. */
export function hasBans(sql: Sql): boolean {
  return one(sql, "SELECT 1 AS here FROM relay_bans LIMIT 1") !== undefined;
}

/** What is banned of one kind, and why. */
export function bans(sql: Sql, kind: string): readonly { readonly value: string; readonly reason: string }[] {
  return sql.all<{ value: string; reason: string }>(
    `SELECT value, reason FROM relay_bans WHERE kind = ? ORDER BY value LIMIT ${LIMITS.relay_bans}`,
    kind,
  );
}
