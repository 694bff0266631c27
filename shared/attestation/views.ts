import type { EventDraft, Recorded } from "../core/envelope.ts";
import type { Projection } from "../core/projection.ts";
import { one, type Sql } from "../core/sql.ts";
import type { AttestationEvent } from "../generated/types.ts";
import { ATTESTATION_SETTING } from "./decider.ts";

/** `proj_attestations`: the runs whose attestation is settled or waits; `proj_attestation_since`: since when they may be. */
export const attestationProjection: Projection = {
  name: "attestations",
  tables: ["proj_attestations", "proj_attestation_since"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_attestations (
       run_id TEXT PRIMARY KEY, retry_at_ms INTEGER, attestation_event_id TEXT) WITHOUT ROWID`,
    "CREATE TABLE IF NOT EXISTS proj_attestation_since (since TEXT NOT NULL)",
  ],
  apply: (sql: Sql, recorded: Recorded<EventDraft>): void => {
    const event = recorded as Recorded<AttestationEvent>;
    const run_id = event.subject_id.slice(ATTESTATION_SETTING.length + 1);
    switch (event.event_type) {
      case "attestation.enabled":
      case "attestation.disabled":
        sql.run("DELETE FROM proj_attestation_since");
        if (event.event_type === "attestation.enabled") {
          sql.run("INSERT INTO proj_attestation_since VALUES (?)", event.occurred_at);
        }
        break;
      case "attestation.published":
        sql.run(
          "INSERT OR REPLACE INTO proj_attestations VALUES (?, NULL, ?)",
          run_id,
          event.data.attestation_event_id,
        );
        break;
      case "attestation.failed":
        sql.run("INSERT OR REPLACE INTO proj_attestations VALUES (?, ?, NULL)", run_id, event.data.retry_at_ms);
    }
  },
};

/** Since when runs may be attested, or null: they may not be. */
export function attestingSince(sql: Sql): string | null {
  return one<{ since: string }>(sql, "SELECT since FROM proj_attestation_since")?.since ?? null;
}

/**
 * Runs to attest at `now_ms`: of each install the first that succeeded on a day (UTC), if it ended since the owner let
 * runs be attested.
 */
export function runsToAttest(sql: Sql, now_ms: number, limit: number): readonly string[] {
  const rows = sql.all<{ run_id: string }>(
    `SELECT first.run_id FROM (
       SELECT min(run_id) AS run_id FROM proj_runs, proj_attestation_since
       WHERE status = 'succeeded' AND finished_at >= since AND install_id IS NOT NULL
       GROUP BY install_id, substr(finished_at, 1, 10)) first
     LEFT JOIN proj_attestations done ON done.run_id = first.run_id
     WHERE done.run_id IS NULL OR done.retry_at_ms <= ? ORDER BY first.run_id LIMIT ?`,
    now_ms,
    limit,
  );
  return rows.map(({ run_id }) => run_id);
}
