import { one, type Sql } from "@oa/shared/core/sql.ts";

/** How far the log has been told to coordinators. */
export interface ToldCursor {
  /** The sequence number of the last event that was told of, or passed over; null: it was never begun. */
  readonly get: () => number | null;
  readonly set: (seq: number) => void;
}

/** Kept in the worker's database, so that a restart goes on from there. Not part of the record of events. */
export function toldCursor(sql: Sql): ToldCursor {
  sql.run("CREATE TABLE IF NOT EXISTS told_cursor (only INTEGER PRIMARY KEY CHECK (only = 1), seq INTEGER NOT NULL)");
  return {
    get: () => one<{ seq: number }>(sql, "SELECT seq FROM told_cursor")?.seq ?? null,
    set: (seq) => sql.run("INSERT OR REPLACE INTO told_cursor VALUES (1, ?)", seq),
  };
}
