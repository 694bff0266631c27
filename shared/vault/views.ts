import type { EventDraft, Recorded } from "../core/envelope.ts";
import type { Projection } from "../core/projection.ts";
import { one, type Sql } from "../core/sql.ts";
import type { VaultEvent } from "../generated/types.ts";

/** The last time a secret was put into a request. Times are ISO 8601 in UTC. */
export interface SecretUse {
  readonly used_at: string;
  readonly host: string;
  readonly install_id: string | null;
  readonly run_id: string;
}

/** `proj_secret_uses`: of each secret the last use, until it is removed. */
export const vaultProjection: Projection = {
  name: "vault",
  tables: ["proj_secret_uses"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_secret_uses (
       name TEXT PRIMARY KEY, used_at TEXT NOT NULL, host TEXT NOT NULL, install_id TEXT, run_id TEXT NOT NULL)
     WITHOUT ROWID`,
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<VaultEvent>;
  switch (event.event_type) {
    case "vault.secret_used": {
      const { name, host, install_id, run_id } = event.data;
      const values = [name, event.occurred_at, host, install_id, run_id];
      sql.run("INSERT OR REPLACE INTO proj_secret_uses VALUES (?, ?, ?, ?, ?)", ...values);
      break;
    }
    case "vault.secret_removed":
      sql.run("DELETE FROM proj_secret_uses WHERE name = ?", event.data.name);
  }
}

/** Null for a secret that no run has used. */
export function lastUseOf(sql: Sql, name: string): SecretUse | null {
  const found = one<SecretUse & Record<string, string | null>>(
    sql,
    "SELECT used_at, host, install_id, run_id FROM proj_secret_uses WHERE name = ?",
    name,
  );
  return found ?? null;
}
