import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";

/** A checked NIP-98 authorisation: who asks, and the id that may be used once. */
export interface Caller {
  readonly pubkey: string;
  readonly auth_id: string;
  readonly signed_at_s: number;
}

export const SPENT_AUTH_DDL =
  "CREATE TABLE IF NOT EXISTS auth_spent (auth_id TEXT PRIMARY KEY, until_s INTEGER NOT NULL) WITHOUT ROWID";

/** Whether an object has been written to: those that nobody used stay empty. */
export function hasSpentAuth(sql: Sql): boolean {
  return one(sql, "SELECT 1 AS here FROM sqlite_master WHERE name = 'auth_spent'") !== undefined;
}

/**
 * Spends a NIP-98 id, inside the caller's transaction. It is remembered for as long as its time would still be
 * accepted. Refusal: auth_replayed.
 */
export function spendAuth(sql: Sql, { auth_id, signed_at_s }: Caller, now_s: number): Rejection | null {
  sql.run("DELETE FROM auth_spent WHERE until_s < ?", now_s);
  const spent = one(sql, "SELECT 1 AS here FROM auth_spent WHERE auth_id = ?", auth_id);
  if (spent !== undefined) return reject("auth_replayed", "this Authorization event was used before: sign a new one");
  sql.run("INSERT INTO auth_spent (auth_id, until_s) VALUES (?, ?)", auth_id, signed_at_s + LIMITS.http_auth_skew_s);
  return null;
}
