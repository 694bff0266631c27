import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { CatalogReputation } from "@oa/shared/generated/types.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";

export const REPUTATION_DDL = [
  // In a table of its own: a listing may be rated before the catalog knows it, and is replaced without losing it.
  `CREATE TABLE IF NOT EXISTS cat_reputation (
     address TEXT PRIMARY KEY, low_milli INTEGER NOT NULL, as_of INTEGER NOT NULL, summary TEXT NOT NULL,
     raw TEXT NOT NULL)`,
];

/** Takes what a listing's reputation came to, with the signed roll-up; an older one does not replace a newer. */
export function takeReputation(sql: Sql, address: string, summary: CatalogReputation, event: NostrEvent): void {
  const held = reputationOf(sql, address);
  if (held !== undefined && held.as_of > summary.as_of) return;
  const told = ({ as_of: _, event_id: __, ...facts }: Partial<CatalogReputation>): string => JSON.stringify(facts);
  // A mirror need not build again because a score was reckoned again and is the same.
  if (told(held ?? {}) !== told(summary)) sql.run("UPDATE cat_version SET version = version + 1");
  sql.run(
    "INSERT OR REPLACE INTO cat_reputation (address, low_milli, as_of, summary, raw) VALUES (?, ?, ?, ?, ?)",
    address,
    summary.low_milli,
    summary.as_of,
    JSON.stringify(summary),
    JSON.stringify(event),
  );
  sql.run("UPDATE cat_listings SET low_milli = ?2 WHERE address = ?1 AND low_milli <> ?2", address, summary.low_milli);
}

/** A listing's reputation in short, or undefined where nobody has rated it. */
export function reputationOf(sql: Sql, address: string): CatalogReputation | undefined {
  const row = one<{ summary: string }>(sql, "SELECT summary FROM cat_reputation WHERE address = ?", address);
  return row === undefined ? undefined : JSON.parse(row.summary);
}

/** The roll-up that says so, as the indexer signed it, in JSON. */
export function rollUpOf(sql: Sql, address: string): string | undefined {
  return one<{ raw: string }>(sql, "SELECT raw FROM cat_reputation WHERE address = ?", address)?.raw;
}
