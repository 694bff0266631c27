import type { Sql } from "@oa/shared/core/sql.ts";
import { EXTERNAL_DDL } from "./external.ts";
import { MODERATION_DDL } from "./moderation.ts";
import { REPUTATION_DDL } from "./reputation.ts";

const DDL = [
  // Narrow, so that walking it is cheap: what was signed lies beside it.
  `CREATE TABLE IF NOT EXISTS cat_listings (
     row INTEGER PRIMARY KEY,
     address TEXT NOT NULL UNIQUE,
     pubkey TEXT NOT NULL,
     slug TEXT NOT NULL,
     title_key TEXT NOT NULL,
     price_sats INTEGER NOT NULL,
     low_milli INTEGER NOT NULL,
     event_id TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     expires_at INTEGER)`,
  "CREATE TABLE IF NOT EXISTS cat_events (row INTEGER PRIMARY KEY, raw TEXT NOT NULL)",
  // One for each order that a list can have; `find.ts` walks them by name.
  "CREATE INDEX IF NOT EXISTS cat_listings_newest ON cat_listings (created_at DESC, address)",
  "CREATE INDEX IF NOT EXISTS cat_listings_title ON cat_listings (title_key, address)",
  "CREATE INDEX IF NOT EXISTS cat_listings_price ON cat_listings (price_sats, address)",
  "CREATE INDEX IF NOT EXISTS cat_listings_rating ON cat_listings (low_milli DESC, address)",
  "CREATE INDEX IF NOT EXISTS cat_listings_author ON cat_listings (pubkey)",
  "CREATE INDEX IF NOT EXISTS cat_listings_slug ON cat_listings (slug)",
  "CREATE INDEX IF NOT EXISTS cat_listings_event ON cat_listings (event_id)",
  "CREATE INDEX IF NOT EXISTS cat_listings_expiry ON cat_listings (expires_at) WHERE expires_at IS NOT NULL",
  // backend, platform, tag and category, in lower case.
  `CREATE TABLE IF NOT EXISTS cat_facets (
     facet TEXT NOT NULL, value TEXT NOT NULL, row INTEGER NOT NULL,
     PRIMARY KEY (facet, value, row)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS cat_facets_row ON cat_facets (row)",
  // Finds rows and keeps no text: that is in the events.
  `CREATE VIRTUAL TABLE IF NOT EXISTS cat_search USING fts5 (
     title, slug, labels, summary, author,
     content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2')`,
  `CREATE TABLE IF NOT EXISTS cat_releases (
     address TEXT PRIMARY KEY,
     listing TEXT NOT NULL,
     channel TEXT NOT NULL,
     version TEXT NOT NULL,
     event_id TEXT NOT NULL,
     manifest_event_id TEXT NOT NULL,
     manifest_sha256 TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     expires_at INTEGER,
     newest INTEGER NOT NULL,
     raw TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS cat_releases_listing ON cat_releases (listing, created_at DESC)",
  "CREATE INDEX IF NOT EXISTS cat_releases_newest ON cat_releases (listing, channel) WHERE newest = 1",
  "CREATE INDEX IF NOT EXISTS cat_releases_event ON cat_releases (event_id)",
  "CREATE INDEX IF NOT EXISTS cat_releases_expiry ON cat_releases (expires_at) WHERE expires_at IS NOT NULL",
  // One row: how often the catalog has changed, and how many listings it has.
  "CREATE TABLE IF NOT EXISTS cat_version (version INTEGER NOT NULL, listings INTEGER NOT NULL)",
  "INSERT INTO cat_version SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM cat_version)",
  ...REPUTATION_DDL,
  ...MODERATION_DDL,
  ...EXTERNAL_DDL,
  // How many events were left out, by code.
  "CREATE TABLE IF NOT EXISTS cat_dropped (code TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
];

export function createCatalogTables(sql: Sql): void {
  sql.transaction(() => {
    for (const statement of DDL) sql.run(statement);
  });
}
