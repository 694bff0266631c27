import type { EventDraft, Recorded } from "../core/envelope.ts";
import type { Projection } from "../core/projection.ts";
import { one, type Sql } from "../core/sql.ts";
import type { RetentionEvent } from "../generated/types.ts";

/** `proj_retention`: the runs whose values and outputs are deleted. */
export const retentionProjection: Projection = {
  name: "retention",
  tables: ["proj_retention"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_retention (
       run_id TEXT PRIMARY KEY, days INTEGER NOT NULL, applied_at TEXT NOT NULL) WITHOUT ROWID`,
  ],
  apply: (sql: Sql, recorded: Recorded<EventDraft>): void => {
    const event = recorded as Recorded<RetentionEvent>;
    if (event.event_type !== "retention.applied") return;
    for (const { run_id, days } of event.data.runs) {
      sql.run("INSERT OR REPLACE INTO proj_retention VALUES (?, ?, ?)", run_id, days, event.occurred_at);
    }
  },
};

/** When a run's values and outputs were deleted, or null while they are kept. */
export function retiredAt(sql: Sql, run_id: string): string | null {
  const row = one<{ applied_at: string }>(sql, "SELECT applied_at FROM proj_retention WHERE run_id = ?", run_id);
  return row?.applied_at ?? null;
}
