import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { compareSemver, parseSemver } from "@oa/shared/core/semver.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { type Listing, fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { type Release, fromEvent as releaseFrom } from "@oa/shared/nostr/30052-release.ts";
import { expirationOf } from "@oa/shared/nostr/expiration.ts";
import { EXTERNAL_KINDS } from "@oa/shared/nostr/external.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { isHex32, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { deleteExternal, takeExternal } from "./external.ts";
import { deleteLists, type Known, MODERATION_KINDS, takeModeration } from "./moderation.ts";

/** Who moderates, and whether there is room for listings that are not here yet. */
export interface Intake {
  readonly moderators: Known;
  readonly full: boolean;
}

/**
 * Takes one verified event into the catalog, inside the caller's transaction; taking it again changes nothing. What is
 * not ours, contradicts itself or finds no room is left out and counted by code.
 */
export function takeEvent(sql: Sql, event: VerifiedEvent, { moderators, full }: Intake): void {
  if (EXTERNAL_KINDS.includes(event.kind)) {
    // Not part of what mirrors build, so the catalog's version stays.
    const refused = takeExternal(sql, event);
    if (refused !== null) countDropped(sql, refused.code);
    return;
  }
  const taken = MODERATION_KINDS.includes(event.kind)
    ? takeModeration(sql, event, moderators)
    : takeKind(sql, event, full);
  if (isRejection(taken)) countDropped(sql, taken.code);
  else if (taken) countChange(sql);
}

/** A mirror that has read this version reads everything again. */
function countChange(sql: Sql): void {
  sql.run("UPDATE cat_version SET version = version + 1");
}

export function countDropped(sql: Sql, code: string): void {
  sql.run(
    "INSERT INTO cat_dropped (code, count) VALUES (?, 1) ON CONFLICT (code) DO UPDATE SET count = count + 1",
    code,
  );
}

/** Whether it changed anything, or why it was left out. */
function takeKind(sql: Sql, event: VerifiedEvent, full: boolean): boolean | Rejection {
  switch (event.kind) {
    case KINDS.manifest.kind: {
      const listing = listingFrom(event);
      return isRejection(listing) ? listing : takeListing(sql, event, listing, full);
    }
    case KINDS.release.kind: {
      const release = releaseFrom(event);
      return isRejection(release) ? release : takeRelease(sql, event, release, full);
    }
    case KINDS.deletion.kind:
      return takeDeletion(sql, event);
    default:
      return false;
  }
}

function takeListing(sql: Sql, event: VerifiedEvent, listing: Listing, full: boolean): boolean | Rejection {
  const { address, manifest } = listing;
  const held = heldAt(sql, "cat_listings", address);
  if (held === undefined && full) return noRoom(address);
  if (held !== undefined && !replaces(event, held)) return false;
  removeListing(sql, address);
  const row = one<{ row: number }>(
    sql,
    `INSERT INTO cat_listings (address, pubkey, slug, title_key, price_sats, low_milli, event_id, created_at, expires_at)
     VALUES (?1, ?2, ?3, ?4, ?5, coalesce((SELECT low_milli FROM cat_reputation WHERE address = ?1), 0), ?6, ?7, ?8)
     RETURNING row`,
    address,
    event.pubkey,
    manifest.id,
    manifest.title.toLowerCase(),
    manifest.pricing?.model === "free" ? 0 : (manifest.pricing?.amount_sats ?? 0),
    event.id,
    event.created_at,
    expirationOf(event),
  )?.row;
  sql.run("UPDATE cat_version SET listings = listings + 1");
  sql.run("INSERT INTO cat_events (row, raw) VALUES (?, ?)", row ?? 0, JSON.stringify(event));
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
  return true;
}

function takeRelease(sql: Sql, event: VerifiedEvent, release: Release, full: boolean): boolean | Rejection {
  const held = heldAt(sql, "cat_releases", release.address);
  if (held === undefined && full) return noRoom(release.address);
  if (held !== undefined && !replaces(event, held)) return false;
  const before = one<{ channel: string }>(sql, "SELECT channel FROM cat_releases WHERE address = ?", release.address);
  sql.run(
    `INSERT OR REPLACE INTO cat_releases
       (address, listing, channel, version, event_id, manifest_event_id, manifest_sha256, created_at, expires_at, newest, raw)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`,
    release.address,
    release.listing,
    release.channel,
    release.version,
    event.id,
    release.manifest_event_id,
    release.manifest_sha256,
    event.created_at,
    expirationOf(event),
    JSON.stringify(event),
  );
  markNewest(sql, release.listing, release.channel);
  if (before !== undefined && before.channel !== release.channel) markNewest(sql, release.listing, before.channel);
  return true;
}

function noRoom(address: string): Rejection {
  return reject("quota_exceeded", `the catalog is full: ${address} is not taken`);
}

/** Removes what has expired, so many at a time (NIP-40); true where more is left. */
export function sweepExpired(sql: Sql, now_s: number): boolean {
  const expired = (table: "cat_listings" | "cat_releases"): readonly { readonly address: string }[] =>
    sql.all<{ address: string }>(
      `SELECT address FROM ${table} WHERE expires_at <= ? ORDER BY expires_at LIMIT ${LIMITS.catalog_sweep}`,
      now_s,
    );
  const [listings, releases] = [expired("cat_listings"), expired("cat_releases")];
  for (const { address } of listings) removeListing(sql, address);
  for (const { address } of releases) removeRelease(sql, address);
  if (listings.length + releases.length > 0) countChange(sql);
  return Math.max(listings.length, releases.length) === LIMITS.catalog_sweep;
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
  // No row is written that stays as it is: an author may have very many releases.
  sql.run(
    "UPDATE cat_releases SET newest = 1 - newest WHERE listing = ?1 AND channel = ?2 AND newest <> (address = ?3)",
    listing,
    channel,
    newest?.address ?? "",
  );
}

/** Whether version `a` comes before `b`; one that is no SemVer comes before every one that is. */
function precedes(a: string, b: string): boolean {
  const left = parseSemver(a);
  const right = parseSemver(b);
  if (isRejection(right)) return false;
  return isRejection(left) || compareSemver(left, right) < 0;
}

interface Held extends Readonly<Record<string, string | number>> {
  readonly created_at: number;
  readonly event_id: string;
}

function heldAt(sql: Sql, table: "cat_listings" | "cat_releases", address: string): Held | undefined {
  return one<Held>(sql, `SELECT created_at, event_id FROM ${table} WHERE address = ?`, address);
}

/** Whether the event replaces what is held at its address (NIP-01: newest, then lowest id). */
function replaces(event: VerifiedEvent, held: Held): boolean {
  return event.created_at > held.created_at || (event.created_at === held.created_at && event.id < held.event_id);
}

/** Removes what a deletion names, of its own author only (NIP-09): most name nothing that is here. */
function takeDeletion(sql: Sql, deletion: VerifiedEvent): boolean {
  let removed = 0;
  const ids = deletion.tags.flatMap(([name, value]) => (name === "e" && isHex32(value) ? [value] : []));
  const addresses = deletion.tags.flatMap(([name, value]) => (name === "a" && value !== undefined ? [value] : []));
  for (const { table, kind } of [
    { table: "cat_listings", kind: KINDS.manifest.kind },
    { table: "cat_releases", kind: KINDS.release.kind },
  ]) {
    const own = `${kind}:${deletion.pubkey}:`;
    const doomed = sql.all<{ address: string }>(
      `SELECT address FROM ${table} WHERE event_id IN (SELECT value FROM json_each(?1))
       UNION SELECT address FROM ${table} WHERE address IN (SELECT value FROM json_each(?2)) AND created_at <= ?3`,
      JSON.stringify(ids),
      JSON.stringify(addresses),
      deletion.created_at,
    );
    for (const { address } of doomed) {
      if (!address.startsWith(own)) continue;
      removed += 1;
      table === "cat_listings" ? removeListing(sql, address) : removeRelease(sql, address);
    }
  }
  removed += deleteLists(sql, deletion, ids, addresses);
  deleteExternal(sql, deletion, ids, addresses);
  return removed > 0;
}

function removeListing(sql: Sql, address: string): void {
  const held = one<{ row: number }>(sql, "SELECT row FROM cat_listings WHERE address = ?", address);
  if (held === undefined) return;
  sql.run("DELETE FROM cat_facets WHERE row = ?", held.row);
  sql.run("DELETE FROM cat_search WHERE rowid = ?", held.row);
  sql.run("DELETE FROM cat_events WHERE row = ?", held.row);
  sql.run("DELETE FROM cat_listings WHERE row = ?", held.row);
  sql.run("UPDATE cat_version SET listings = listings - 1");
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
