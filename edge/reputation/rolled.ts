import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";

/** The ids of the last roll-up's inputs, a page a row: all in one would be more than a row may hold. */
const DDL = `CREATE TABLE IF NOT EXISTS rep_rolled (
  page INTEGER PRIMARY KEY, last_id TEXT NOT NULL, event_ids TEXT NOT NULL)`;

export function createRolledTable(sql: Sql): void {
  sql.run(DDL);
}

/** Replaces what the roll-up before it was made of; `event_ids` are sorted. Inside the caller's transaction. */
export function keepRolled(sql: Sql, event_ids: readonly string[]): void {
  sql.run("DELETE FROM rep_rolled");
  for (let start = 0; start < event_ids.length; start += LIMITS.reputation_page) {
    const ids = event_ids.slice(start, start + LIMITS.reputation_page);
    sql.run("INSERT INTO rep_rolled (last_id, event_ids) VALUES (?, ?)", ids.at(-1) ?? "", JSON.stringify(ids));
  }
}

/** The ids after one of them, at most a page, and where to go on; null: there are no more. */
export function rolledAfter(
  sql: Sql,
  after: string,
): { readonly event_ids: readonly string[]; readonly next_after: string | null } {
  const rows = sql.all<{ event_ids: string }>(
    "SELECT event_ids FROM rep_rolled WHERE last_id > ? ORDER BY page LIMIT 2",
    after,
  );
  const rest = rows.flatMap(({ event_ids }) => JSON.parse(event_ids) as string[]).filter((id) => id > after);
  const event_ids = rest.slice(0, LIMITS.reputation_page);
  return { event_ids, next_after: rest.length > event_ids.length ? (event_ids.at(-1) ?? null) : null };
}
