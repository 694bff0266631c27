import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { compareSemver, parseSemver } from "@oa/shared/core/semver.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { type Listing, fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { type Release, fromEvent as releaseFrom } from "@oa/shared/nostr/30052-release.ts";
import { expirationOf } from "@oa/shared/nostr/expiration.ts";
import { EXTERNAL_KINDS } from "@oa/shared/nostr/external.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { isHex32, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { deleteExternal, EXTERNAL_DDL, takeExternal } from "./external.ts";
import { deleteLists, MODERATION_DDL, MODERATION_KINDS, takeModeration } from "./moderation.ts";
import { REPUTATION_DDL } from "./reputation.ts";

const DDL = [
  `CREATE TABLE IF NOT EXISTS cat_listings (
     row INTEGER PRIMARY KEY,
     address TEXT NOT NULL UNIQUE,
     pubkey TEXT NOT NULL,
     slug TEXT NOT NULL,
     title_key TEXT NOT NULL,
     price_sats INTEGER NOT NULL,
     event_id TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     expires_at INTEGER,
     raw TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS cat_listings_newest ON cat_listings (created_at DESC, address)",
  "CREATE INDEX IF NOT EXISTS cat_listings_title ON cat_listings (title_key, address)",
  "CREATE INDEX IF NOT EXISTS cat_listings_price ON cat_listings (price_sats, address)",
  "CREATE INDEX IF NOT EXISTS cat_listings_author ON cat_listings (pubkey, slug)",
  "CREATE INDEX IF NOT EXISTS cat_listings_slug ON cat_listings (slug)",
  // backend, platform, tag and category, in lower case.
  `CREATE TABLE IF NOT EXISTS cat_facets (
     facet TEXT NOT NULL, value TEXT NOT NULL, row INTEGER NOT NULL,
     PRIMARY KEY (facet, value, row)) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS cat_facets_row ON cat_facets (row)",
  `CREATE VIRTUAL TABLE IF NOT EXISTS cat_search USING fts5 (
     title, slug, labels, summary, author, tokenize = 'porter unicode61 remove_diacritics 2')`,
  `CREATE TABLE IF NOT EXISTS cat_releases (
     address TEXT PRIMARY KEY,
     listing TEXT NOT NULL,
     channel TEXT NOT NULL,
     version TEXT NOT NULL,
     event_id TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     expires_at INTEGER,
     newest INTEGER NOT NULL,
     raw TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS cat_releases_listing ON cat_releases (listing, channel)",
  // One row: how often the catalog has changed.
  "CREATE TABLE IF NOT EXISTS cat_version (version INTEGER NOT NULL)",
  "INSERT INTO cat_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM cat_version)",
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

/**
 * Takes one verified event into the catalog, inside the caller's transaction; taking it again changes nothing. What is
 * not ours or contradicts itself is left out and counted by code. `trusted` are those whom the edge's own list names.
 */
export function takeEvent(sql: Sql, event: VerifiedEvent, trusted: readonly string[] = []): void {
  if (EXTERNAL_KINDS.includes(event.kind)) {
    // Not part of what mirrors build, so the catalog's version stays.
    const refused = takeExternal(sql, event);
    if (refused !== null) countDropped(sql, refused.code);
    return;
  }
  const dropped = MODERATION_KINDS.includes(event.kind) ? takeModeration(sql, event, trusted) : takeKind(sql, event);
  if (dropped !== null) countDropped(sql, dropped.code);
  else sql.run("UPDATE cat_version SET version = version + 1");
}

export function countDropped(sql: Sql, code: string): void {
  sql.run(
    "INSERT INTO cat_dropped (code, count) VALUES (?, 1) ON CONFLICT (code) DO UPDATE SET count = count + 1",
    code,
  );
}

function takeKind(sql: Sql, event: VerifiedEvent): Rejection | null {
  switch (event.kind) {
    case KINDS.manifest.kind: {
      const listing = listingFrom(event);
      if (isRejection(listing)) return listing;
      takeListing(sql, event, listing);
      return null;
    }
    case KINDS.release.kind: {
      const release = releaseFrom(event);
      if (isRejection(release)) return release;
      takeRelease(sql, event, release);
      return null;
    }
    case KINDS.deletion.kind:
      takeDeletion(sql, event);
      return null;
    default:
      return null;
  }
}

function takeListing(sql: Sql, event: VerifiedEvent, listing: Listing): void {
  const { address, manifest } = listing;
  if (!isNewer(sql, "cat_listings", address, event)) return;
  removeListing(sql, address);
  const row = one<{ row: number }>(
    sql,
    `INSERT INTO cat_listings (address, pubkey, slug, title_key, price_sats, event_id, created_at, expires_at, raw)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING row`,
    address,
    event.pubkey,
    manifest.id,
    manifest.title.toLowerCase(),
    manifest.pricing?.model === "free" ? 0 : (manifest.pricing?.amount_sats ?? 0),
    event.id,
    event.created_at,
    expirationOf(event),
    JSON.stringify(event),
  )?.row;
  const facets = [
    ...manifest.capabilities.backends.map((value) => ["backend", value]),
    ...manifest.capabilities.platforms.map((value) => ["platform", value]),
    ...(manifest.tags ?? []).map((value) => ["tag", value.toLowerCase()]),
    ...(manifest.categories ?? []).map((value) => ["category", value.toLowerCase()]),
  ];
  sql.run(
    `INSERT OR IGNORE INTO cat_facets (facet, value, row)
     SELECT value ->> 0, value ->> 1, ? FROM json_each(?)`,
    row ?? 0,
    JSON.stringify(facets),
  );
  sql.run(
    "INSERT INTO cat_search (rowid, title, slug, labels, summary, author) VALUES (?, ?, ?, ?, ?, ?)",
    row ?? 0,
    manifest.title,
    manifest.id,
    [...(manifest.tags ?? []), ...(manifest.categories ?? [])].join(" "),
    manifest.summary ?? "",
    manifest.author.name ?? "",
  );
}

function takeRelease(sql: Sql, event: VerifiedEvent, release: Release): void {
  if (!isNewer(sql, "cat_releases", release.address, event)) return;
  const before = one<{ channel: string }>(sql, "SELECT channel FROM cat_releases WHERE address = ?", release.address);
  sql.run(
    `INSERT OR REPLACE INTO cat_releases
       (address, listing, channel, version, event_id, created_at, expires_at, newest, raw)
     VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)`,
    release.address,
    release.listing,
    release.channel,
    release.version,
    event.id,
    event.created_at,
    expirationOf(event),
    JSON.stringify(event),
  );
  markNewest(sql, release.listing, release.channel);
  if (before !== undefined && before.channel !== release.channel) markNewest(sql, release.listing, before.channel);
}

/** Marks the release of a channel that comes last by SemVer precedence; the later signed among equals. */
function markNewest(sql: Sql, listing: string, channel: string): void {
  const rows = sql.all<{ address: string; version: string; created_at: number }>(
    `SELECT address, version, created_at FROM cat_releases WHERE listing = ? AND channel = ?
     ORDER BY created_at DESC LIMIT ${LIMITS.catalog_releases}`,
    listing,
    channel,
  );
  let newest = rows[0];
  for (const row of rows) if (newest !== undefined && precedes(newest.version, row.version)) newest = row;
  sql.run(
    "UPDATE cat_releases SET newest = (address = ?) WHERE listing = ? AND channel = ?",
    newest?.address ?? "",
    listing,
    channel,
  );
}

/** Whether version `a` comes before `b`; one that is no SemVer comes before every one that is. */
function precedes(a: string, b: string): boolean {
  const left = parseSemver(a);
  const right = parseSemver(b);
  if (isRejection(right)) return false;
  return isRejection(left) || compareSemver(left, right) < 0;
}

/** Whether the event replaces what is held at its address (NIP-01: newest, then lowest id). */
function isNewer(sql: Sql, table: "cat_listings" | "cat_releases", address: string, event: VerifiedEvent): boolean {
  const held = one<{ created_at: number; event_id: string }>(
    sql,
    `SELECT created_at, event_id FROM ${table} WHERE address = ?`,
    address,
  );
  if (held === undefined) return true;
  return event.created_at > held.created_at || (event.created_at === held.created_at && event.id < held.event_id);
}

/** Removes what a deletion names, of its own author only (NIP-09). */
function takeDeletion(sql: Sql, deletion: VerifiedEvent): void {
  const author = `${deletion.pubkey}:`;
  const ids = deletion.tags.flatMap(([name, value]) => (name === "e" && isHex32(value) ? [value] : []));
  const addresses = deletion.tags.flatMap(([name, value]) => (name === "a" && value !== undefined ? [value] : []));
  for (const { table, kind } of [
    { table: "cat_listings", kind: KINDS.manifest.kind },
    { table: "cat_releases", kind: KINDS.release.kind },
  ]) {
    const doomed = sql.all<{ address: string }>(
      `SELECT address FROM ${table} WHERE substr(address, 1, ?1) = ?2
         AND (event_id IN (SELECT value FROM json_each(?3))
           OR (address IN (SELECT value FROM json_each(?4)) AND created_at <= ?5))`,
      `${kind}:${author}`.length,
      `${kind}:${author}`,
      JSON.stringify(ids),
      JSON.stringify(addresses),
      deletion.created_at,
    );
    for (const { address } of doomed)
      table === "cat_listings" ? removeListing(sql, address) : removeRelease(sql, address);
  }
  deleteLists(sql, deletion, ids, addresses);
  deleteExternal(sql, deletion, ids, addresses);
}

function removeListing(sql: Sql, address: string): void {
  const held = one<{ row: number }>(sql, "SELECT row FROM cat_listings WHERE address = ?", address);
  if (held === undefined) return;
  sql.run("DELETE FROM cat_facets WHERE row = ?", held.row);
  sql.run("DELETE FROM cat_search WHERE rowid = ?", held.row);
  sql.run("DELETE FROM cat_listings WHERE row = ?", held.row);
}

function removeRelease(sql: Sql, address: string): void {
  const held = one<{ listing: string; channel: string }>(
    sql,
    "SELECT listing, channel FROM cat_releases WHERE address = ?",
    address,
  );
  if (held === undefined) return;
  sql.run("DELETE FROM cat_releases WHERE address = ?", address);
  markNewest(sql, held.listing, held.channel);
}
