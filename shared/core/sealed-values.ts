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

/** How many events are looked through at once. */
const PAGE = 500;

/**
 * Deletes values of one subject that were recorded until a time (ISO 8601), where the sealed field `of.field` is of a
 * kind, among a page of its events after a position. Gives how many, the last position that was looked at, and whether
 * there is more to look at. The caller holds the transaction.
 */
export function forgetValuesUntil(
  sql: Sql,
  subject_id: string,
  of: { readonly field: string; readonly kind: string; readonly until: string },
  after: number,
): { readonly values: number; readonly after: number; readonly more: boolean } {
  const events = sql.all<{ position: number; recorded_at: string }>(
    `SELECT position, recorded_at FROM evt_events WHERE position IN
       (SELECT position FROM evt_places WHERE subject_id = ? AND position > ? ORDER BY position LIMIT ${PAGE})
     ORDER BY position`,
    subject_id,
    after,
  );
  const newer = events.findIndex(({ recorded_at }) => recorded_at > of.until);
  const old = newer === -1 ? events : events.slice(0, newer);
  const where = "position IN (SELECT value FROM json_each(?)) AND fields ->> ? = ?";
  const which = [JSON.stringify(old.map(({ position }) => position)), `$.${of.field}.value.kind`, of.kind];
  const values = one<{ count: number }>(
    sql,
    `SELECT count(*) AS count FROM evt_sealed WHERE ${where}`,
    ...which,
  )?.count;
  sql.run(`DELETE FROM evt_sealed WHERE ${where}`, ...which);
  return { values: values ?? 0, after: old.at(-1)?.position ?? after, more: old.length === PAGE };
}
