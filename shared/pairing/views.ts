import type { EventDraft, Recorded } from "../core/envelope.ts";
import { canonicalize } from "../core/json.ts";
import type { Permission } from "../core/permission.ts";
import type { Projection } from "../core/projection.ts";
import { keptJson, one, type Sql, type SqlValue } from "../core/sql.ts";
import type { PairingEvent, WorkerReport } from "../generated/types.ts";
import type { PairingState } from "./decider.ts";

/** A pairing as lists show it. An offer past `expires_at_ms` can no longer be claimed. */
export interface PairingView {
  readonly pairing_id: string;
  readonly label: string;
  readonly status: Exclude<PairingState["status"], "none">;
  readonly pubkey: string | null;
  readonly ceiling: readonly Permission[];
  readonly expires_at_ms: number;
  readonly created_at: string;
  readonly updated_at: string;
  /** Whether this worker tells that key what it measured about itself. */
  readonly shares: boolean;
  /** Whether this worker tells that key what becomes of what it orders. */
  readonly results: boolean;
  /** What that key, a worker's, said it measured about itself; null: nothing. */
  readonly report: { readonly capabilities: WorkerReport; readonly reported_at: string } | null;
}

/** `proj_pairings`. */
export const pairingProjection: Projection = {
  name: "pairings",
  tables: ["proj_pairings"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_pairings (
       pairing_id TEXT PRIMARY KEY, label TEXT NOT NULL, status TEXT NOT NULL, pubkey TEXT, secret_sha256 TEXT,
       ceiling TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
       shares INTEGER NOT NULL DEFAULT 0, report TEXT,
       results INTEGER NOT NULL DEFAULT 0)
     WITHOUT ROWID`,
    "CREATE INDEX IF NOT EXISTS proj_pairings_pubkey ON proj_pairings (pubkey)",
    "CREATE INDEX IF NOT EXISTS proj_pairings_secret ON proj_pairings (secret_sha256)",
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<PairingEvent>;
  const { subject_id: pairing_id, occurred_at: at } = event;
  const change = (status: string, pubkey: string | null): void =>
    sql.run(
      `UPDATE proj_pairings SET status = ?, pubkey = coalesce(?, pubkey), updated_at = ?
       WHERE pairing_id = ?`,
      status,
      pubkey,
      at,
      pairing_id,
    );
  switch (event.event_type) {
    case "pairing.offered": {
      const { label, secret_sha256, ceiling, expires_at_ms } = event.data;
      sql.run(
        "INSERT INTO proj_pairings VALUES (?, ?, 'offered', NULL, ?, ?, ?, ?, ?, 0, NULL, 0)",
        pairing_id,
        label,
        secret_sha256,
        JSON.stringify(ceiling),
        expires_at_ms,
        at,
        at,
      );
      break;
    }
    case "pairing.claimed":
      change("claimed", event.data.pubkey);
      break;
    case "pairing.confirmed":
      change("confirmed", event.data.pubkey);
      break;
    case "pairing.sharing_set":
      sql.run(
        "UPDATE proj_pairings SET shares = ?, updated_at = ? WHERE pairing_id = ?",
        ...[event.data.capabilities ? 1 : 0, at, pairing_id],
      );
      break;
    case "pairing.results_set":
      sql.run(
        "UPDATE proj_pairings SET results = ?, updated_at = ? WHERE pairing_id = ?",
        ...[event.data.results ? 1 : 0, at, pairing_id],
      );
      break;
    case "pairing.capabilities_reported": {
      const { capabilities, reported_at } = event.data;
      const report = { capabilities, reported_at: new Date(reported_at * 1_000).toISOString() };
      sql.run("UPDATE proj_pairings SET report = ? WHERE pairing_id = ?", canonicalize(report), pairing_id);
      break;
    }
    case "pairing.removed":
      sql.run("UPDATE proj_pairings SET shares = 0, results = 0, report = NULL WHERE pairing_id = ?", pairing_id);
      change("removed", null);
  }
}

/** All pairings, newest first, at most `limit`. */
export function listPairings(sql: Sql, limit: number): readonly PairingView[] {
  return sql.all("SELECT * FROM proj_pairings ORDER BY pairing_id DESC LIMIT ?", limit).map(toView);
}

/** The pairing in force for a key, or null. */
export function pairingOf(sql: Sql, pubkey: string): PairingView | null {
  const row = one(sql, "SELECT * FROM proj_pairings WHERE pubkey = ? AND status = 'confirmed'", pubkey);
  return row === undefined ? null : toView(row);
}

/** One pairing, whatever has become of it, or null. */
export function getPairing(sql: Sql, pairing_id: string): PairingView | null {
  const row = one(sql, "SELECT * FROM proj_pairings WHERE pairing_id = ?", pairing_id);
  return row === undefined ? null : toView(row);
}

/** The pairing a secret was made for, whatever has become of it, or null. */
export function pairingOfSecret(sql: Sql, secret_sha256: string): string | null {
  const row = one<{ pairing_id: string }>(
    sql,
    "SELECT pairing_id FROM proj_pairings WHERE secret_sha256 = ?",
    secret_sha256,
  );
  return row?.pairing_id ?? null;
}

function toView(row: Readonly<Record<string, SqlValue>>): PairingView {
  const { secret_sha256: _, report, ...view } = row;
  const parsed = typeof report === "string" ? keptJson(report) : null;
  return {
    ...{ ...view, ceiling: keptJson(view.ceiling), report: parsed },
    ...{ shares: view.shares === 1, results: view.results === 1 },
  } as unknown as PairingView;
}
