import type { EventDraft, Recorded } from "../core/envelope.ts";
import type { Projection } from "../core/projection.ts";
import type { Sql } from "../core/sql.ts";
import type { IntakeEvent, IntakeRefused } from "../generated/types.ts";

/** What kind of bad input came, how often, and the latest of it. */
export interface IntakeView {
  readonly source: IntakeRefused["data"]["source"];
  readonly code: string;
  readonly count: number;
  readonly message: string;
  readonly ref: string | null;
  readonly last_at: string;
}

/** `proj_intake`: one row for each source and code, so it stays small whatever comes. */
export const intakeProjection: Projection = {
  name: "intake",
  tables: ["proj_intake"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_intake (
       source TEXT NOT NULL, code TEXT NOT NULL, count INTEGER NOT NULL, message TEXT NOT NULL, ref TEXT,
       last_at TEXT NOT NULL, PRIMARY KEY (source, code)) WITHOUT ROWID`,
  ],
  apply: (sql: Sql, recorded: Recorded<EventDraft>): void => {
    const event = recorded as Recorded<IntakeEvent>;
    if (event.event_type !== "intake.refused") return;
    const { source, code, message, ref = null, suppressed } = event.data;
    sql.run(
      `INSERT INTO proj_intake VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (source, code) DO UPDATE SET count = count + excluded.count, message = excluded.message,
         ref = excluded.ref, last_at = excluded.last_at`,
      source,
      code,
      // A record that only carries a count stands for what it counts.
      code === "rate_limited" ? suppressed : 1,
      message,
      ref,
      event.occurred_at,
    );
  },
};

/** Latest first. */
export function listIntake(sql: Sql): readonly IntakeView[] {
  return sql.all("SELECT * FROM proj_intake ORDER BY last_at DESC, source, code") as unknown as readonly IntakeView[];
}
