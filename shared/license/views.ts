import type { EventDraft, Recorded } from "../core/envelope.ts";
import type { Projection } from "../core/projection.ts";
import type { Sql, SqlValue } from "../core/sql.ts";
import type { LicenseEvent } from "../generated/types.ts";
import type { HeldReceipt } from "./decider.ts";

/** A licence as lists show it, and as it is weighed before a run. */
export interface LicenceView extends HeldReceipt {
  /** When an edge last said that it stands; null: never. */
  readonly proved_ms: number | null;
  /** When an edge said that it was taken back; null: none did since it was added or vouched for. */
  readonly withdrawn_ms: number | null;
  readonly runs_used: number;
}

const COLUMNS = [
  ...["payment_hash", "receipt_event_id", "receipt_address", "receipt_created_at", "listing", "version"],
  ...["release_event_id", "manifest_sha256", "buyer", "seller", "network", "amount_msats", "model", "quantity"],
  ...["expires_at", "added_ms"],
] as const satisfies readonly (keyof HeldReceipt)[];

/** `proj_licences`: one row a payment, invoice and preimage not copied; `proj_trials`: one row a listing tried. */
export const licenceProjection: Projection = {
  name: "licences",
  tables: ["proj_licences", "proj_trials"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_licences (
       payment_hash TEXT PRIMARY KEY, receipt_event_id TEXT NOT NULL, receipt_address TEXT NOT NULL,
       receipt_created_at INTEGER NOT NULL, listing TEXT NOT NULL, version TEXT NOT NULL,
       release_event_id TEXT NOT NULL, manifest_sha256 TEXT NOT NULL, buyer TEXT NOT NULL, seller TEXT NOT NULL,
       network TEXT NOT NULL, amount_msats INTEGER NOT NULL, model TEXT NOT NULL, quantity INTEGER NOT NULL,
       expires_at INTEGER, added_ms INTEGER NOT NULL, proved_ms INTEGER, withdrawn_ms INTEGER,
       runs_used INTEGER NOT NULL DEFAULT 0)
     WITHOUT ROWID`,
    "CREATE TABLE IF NOT EXISTS proj_trials (listing TEXT PRIMARY KEY, runs_used INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS proj_licences_listing ON proj_licences (listing, added_ms)",
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<LicenseEvent>;
  switch (event.event_type) {
    case "license.added": {
      const held: HeldReceipt = event.data;
      const taken = COLUMNS.slice(1).map((name) => `${name} = excluded.${name}`);
      sql.run(
        `INSERT INTO proj_licences (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})
         ON CONFLICT (payment_hash) DO UPDATE SET ${taken.join(", ")}, proved_ms = NULL, withdrawn_ms = NULL`,
        ...COLUMNS.map((name): SqlValue => held[name]),
      );
      break;
    }
    case "license.proved": {
      const { payment_hash, proved_ms } = event.data;
      sql.run(
        "UPDATE proj_licences SET proved_ms = ?, withdrawn_ms = NULL WHERE payment_hash = ?",
        proved_ms,
        payment_hash,
      );
      break;
    }
    case "license.withdrawn": {
      const { payment_hash, withdrawn_ms } = event.data;
      sql.run(
        "UPDATE proj_licences SET proved_ms = NULL, withdrawn_ms = ? WHERE payment_hash = ?",
        withdrawn_ms,
        payment_hash,
      );
      break;
    }
    case "license.used":
      sql.run("UPDATE proj_licences SET runs_used = runs_used + 1 WHERE payment_hash = ?", event.data.payment_hash);
      break;
    case "license.trial_used":
      sql.run(
        "INSERT INTO proj_trials VALUES (?, 1) ON CONFLICT (listing) DO UPDATE SET runs_used = runs_used + 1",
        event.data.listing,
      );
  }
}

/** Every licence, the newest first. */
export function listLicences(sql: Sql, limit: number): readonly LicenceView[] {
  return read(sql, "ORDER BY added_ms DESC, payment_hash LIMIT ?", limit);
}

/** The licences for any release of a listing, `30051:<author>:<slug>`, the newest first. */
export function licencesOf(sql: Sql, listing: string, limit: number): readonly LicenceView[] {
  return read(sql, "WHERE listing = ? ORDER BY added_ms DESC, payment_hash LIMIT ?", listing, limit);
}

/** How many runs of a listing were started on trial here. */
export function trialRunsOf(sql: Sql, listing: string): number {
  const [row] = sql.all<{ runs_used: number }>("SELECT runs_used FROM proj_trials WHERE listing = ?", listing);
  return row?.runs_used ?? 0;
}

function read(sql: Sql, rest: string, ...values: readonly SqlValue[]): readonly LicenceView[] {
  return sql.all(`SELECT * FROM proj_licences ${rest}`, ...values) as unknown as readonly LicenceView[];
}
