import type { EventDraft, Recorded } from "../core/envelope.ts";
import type { Projection } from "../core/projection.ts";
import { one, type Sql } from "../core/sql.ts";
import type { ClaimEvent, ReceiptClaim } from "../generated/types.ts";

/** Who holds each payment: `proj_claims (payment_hash, receipt_event_id, receipt_address_sha256, claimed_at)`. */
export const claimView: Projection = {
  name: "claims",
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_claims (
       payment_hash TEXT PRIMARY KEY, receipt_event_id TEXT NOT NULL, receipt_address_sha256 TEXT NOT NULL,
       claimed_at TEXT NOT NULL) WITHOUT ROWID`,
  ],
  tables: ["proj_claims"],
  apply(sql: Sql, event: Recorded<EventDraft>) {
    const { event_type, data } = event as Recorded<ClaimEvent>;
    switch (event_type) {
      case "claim.made":
      case "claim.renewed":
        sql.run(
          `INSERT INTO proj_claims (payment_hash, receipt_event_id, receipt_address_sha256, claimed_at) VALUES (?, ?, ?, ?)
           ON CONFLICT (payment_hash) DO UPDATE SET receipt_event_id = excluded.receipt_event_id`,
          data.payment_hash,
          data.receipt_event_id,
          data.receipt_address_sha256,
          event.occurred_at,
        );
        break;
    }
  },
};

/** A payment's claim, with the hash of the receipt's address, which names its buyer: it is for comparing only. */
export interface HeldClaim extends ReceiptClaim {
  readonly receipt_address_sha256: string;
}

/** The claim of a payment, or null where there is none. */
export function claimOf(sql: Sql, payment_hash: string): HeldClaim | null {
  type Row = { readonly [Column in keyof HeldClaim]: string };
  return one<Row>(sql, "SELECT * FROM proj_claims WHERE payment_hash = ?", payment_hash) ?? null;
}
