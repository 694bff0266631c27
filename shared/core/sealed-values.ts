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
