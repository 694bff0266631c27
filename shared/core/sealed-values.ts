import { LIMITS } from "./limits.ts";
import { one, type Sql } from "./sql.ts";

/**
 * Deletes the values behind the commitments in one subject's events and says how many there were. The events and their
 * chain stay as they are. The caller holds the transaction.
 */
export function forgetValues(sql: Sql, subject_id: string): number {
  const where = "position IN (SELECT position FROM evt_places WHERE subject_id = ?)";
  const count = one<{ count: number }>(
    sql,
    `SELECT count(*) AS count FROM evt_sealed, json_each(fields) WHERE ${where}`,
    subject_id,
  )?.count;
  sql.run(`DELETE FROM evt_sealed WHERE ${where}`, subject_id);
  return count ?? 0;
}

/**
 * Deletes values of one subject that were recorded until a time (ISO 8601), where the sealed field `of.field` is of a
 * kind, among a page of its events after a position. Gives how many, the last position that was looked at, until which
 * one all are as old, and whether there may be older ones after it: what was recorded after `of.now` says nothing of
 * those that follow, since the clock was set back then. The caller holds the transaction.
 */
export function forgetValuesUntil(
  sql: Sql,
  subject_id: string,
  of: { readonly field: string; readonly kind: string; readonly until: string; readonly now: string },
  after: number,
): { readonly values: number; readonly after: number; readonly all_until: number; readonly more: boolean } {
  const events = sql.all<{ position: number; recorded_at: string }>(
    `SELECT position, recorded_at FROM evt_events WHERE position IN
       (SELECT position FROM evt_places WHERE subject_id = ? AND position > ? ORDER BY position LIMIT ${LIMITS.log_page_events})
     ORDER BY position`,
    subject_id,
    after,
  );
  const old = events.filter(({ recorded_at }) => recorded_at <= of.until);
  const young = events.findIndex(({ recorded_at }) => recorded_at > of.until);
  const where = "position IN (SELECT value FROM json_each(?)) AND fields ->> ? = ?";
  const which = [JSON.stringify(old.map(({ position }) => position)), `$.${of.field}.value.kind`, of.kind];
  const values = one<{ count: number }>(
    sql,
    `SELECT count(*) AS count FROM evt_sealed WHERE ${where}`,
    ...which,
  )?.count;
  sql.run(`DELETE FROM evt_sealed WHERE ${where}`, ...which);
  return {
    values: values ?? 0,
    after: events.at(-1)?.position ?? after,
    all_until: (young === -1 ? events.at(-1) : events[young - 1])?.position ?? after,
    more:
      events.length === LIMITS.log_page_events &&
      (old.length > 0 || events.some(({ recorded_at }) => recorded_at > of.now)),
  };
}
