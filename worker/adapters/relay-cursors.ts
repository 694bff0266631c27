import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { CursorStore } from "./relay-subscription.ts";

/**
 * How far each relay has been read, kept in the worker's database so that a restart goes on from there. Written now and
 * then only: a subscription reads `LIMITS.relay_overlap_s` further back anyway. Not part of the record of events; lost,
 * it is read again.
 */
export function relayCursors(sql: Sql, scope: string, from_s: number): CursorStore {
  sql.run(
    `CREATE TABLE IF NOT EXISTS relay_cursors (
       scope TEXT NOT NULL, relay TEXT NOT NULL, subscription TEXT NOT NULL, created_at INTEGER NOT NULL,
       PRIMARY KEY (scope, relay, subscription)) WITHOUT ROWID`,
  );
  const stored = (relay: string, subscription: string): number | null =>
    one<{ created_at: number }>(
      sql,
      "SELECT created_at FROM relay_cursors WHERE scope = ? AND relay = ? AND subscription = ?",
      scope,
      relay,
      subscription,
    )?.created_at ?? null;
  return {
    // Nothing from before `from_s` is wanted, so a relay that was never read is read from there.
    get: (relay, subscription) => Math.max(from_s, stored(relay, subscription) ?? 0),
    set: (relay, subscription, created_at) => {
      const before = stored(relay, subscription);
      if (before !== null && created_at < before + LIMITS.trigger_cursor_step_s) return;
      sql.run(
        `INSERT INTO relay_cursors VALUES (?, ?, ?, ?)
         ON CONFLICT (scope, relay, subscription) DO UPDATE SET created_at = excluded.created_at`,
        scope,
        relay,
        subscription,
        created_at,
      );
    },
  };
}
