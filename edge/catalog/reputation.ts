import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { CatalogReputation } from "@oa/shared/generated/types.ts";

export const REPUTATION_DDL = [
  // In a table of its own: a listing may be rated before the catalog knows it, and is replaced without losing it.
  `CREATE TABLE IF NOT EXISTS cat_reputation (
     address TEXT PRIMARY KEY, rank INTEGER NOT NULL, low_milli INTEGER NOT NULL, as_of INTEGER NOT NULL,
     summary TEXT NOT NULL) WITHOUT ROWID`,
];

/** Takes what a listing's reputation came to; an older one does not replace a newer. */
export function takeReputation(sql: Sql, address: string, summary: CatalogReputation): void {
  const told = ({ as_of: _, event_id: __, ...facts }: Partial<CatalogReputation>): string => JSON.stringify(facts);
  // A mirror need not build again because a score was reckoned again and is the same.
  if (told(reputationOf(sql, address) ?? {}) !== told(summary)) sql.run("UPDATE cat_version SET version = version + 1");
  sql.run(
    `INSERT INTO cat_reputation VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (address) DO UPDATE SET rank = ?2, low_milli = ?3, as_of = ?4, summary = ?5 WHERE as_of <= ?4`,
    address,
    summary.rank,
    summary.low_milli,
    summary.as_of,
    JSON.stringify(summary),
  );
}

/** A listing's reputation in short, or undefined where nobody has rated it. */
export function reputationOf(sql: Sql, address: string): CatalogReputation | undefined {
  const row = one<{ summary: string }>(sql, "SELECT summary FROM cat_reputation WHERE address = ?", address);
  return row === undefined ? undefined : JSON.parse(row.summary);
}
