import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import type {
  CatalogDetail,
  CatalogListing,
  CatalogPage,
  CatalogQuery,
  SnapshotPage,
  UpgradeManifest,
} from "@oa/shared/generated/types.ts";
import type { ReaderView } from "@oa/shared/moderation/reader.ts";
import { addressOf, tagValue } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { findListings, searchOf } from "./find.ts";
import { countHidden, moderationOf, refuseHidden, shownRows } from "./moderation.ts";
import { writeCursor } from "./page-cursor.ts";
import { reputationOf, rollUpOf } from "./reputation.ts";

/** One page of listings that meet all conditions and that the view shows. Refusal: usage. */
export function listListings(sql: Sql, query: CatalogQuery, view: ReaderView, now_s: number): CatalogPage | Rejection {
  const search = searchOf(query);
  if (isRejection(search)) return search;
  const { sort, limit } = search;
  const found = findListings(sql, search, view, now_s);
  const page = found.slice(0, limit);
  const last = found.length > limit ? page.at(-1) : undefined;
  return {
    listings: page.map(({ row, address }) => {
      return toListing(sql, eventAt(sql, row), releasesOf(sql, address, now_s), view);
    }),
    next_cursor: last === undefined ? null : writeCursor({ sort, key: last.key, address: last.address }),
  };
}

/** One listing with its signed events. Refusals: not_found, listing_taken_down, listing_held. */
export function getListing(sql: Sql, address: string, view: ReaderView, now_s: number): CatalogDetail | Rejection {
  const held = one<PlaceRow>(
    sql,
    `SELECT ${PLACE} FROM cat_listings WHERE address = ? AND (expires_at IS NULL OR expires_at > ?)`,
    address,
    now_s,
  );
  if (held === undefined) return reject("not_found", `the catalog has no listing ${address.slice(0, 300)}`);
  return refuseHidden(view, held) ?? detailOf(sql, held, view, now_s);
}

const PLACE = "row, address, pubkey, event_id";
interface PlaceRow extends Readonly<Record<string, SqlValue>> {
  readonly row: number;
  readonly address: string;
  readonly pubkey: string;
  readonly event_id: string;
}

const CHANGES_APART = 1_000_000;

/** The listings after an address, in the order of addresses, with their signed events: what a mirror reads. */
export function snapshotPage(sql: Sql, after: string, view: ReaderView, now_s: number): SnapshotPage {
  const rows = shownRows<PlaceRow>(view, LIMITS.snapshot_page + 1, (last, count) =>
    sql.all<PlaceRow>(
      `SELECT ${PLACE} FROM cat_listings WHERE address > ? AND (expires_at IS NULL OR expires_at > ?)
       ORDER BY address LIMIT ${count}`,
      last?.address ?? after,
      now_s,
    ),
  );
  const details: CatalogDetail[] = [];
  // One after the other, as many as fit into one answer: all at once could be more than there is memory.
  for (let chars = 0; details.length < Math.min(rows.length, LIMITS.snapshot_page); ) {
    const place = rows[details.length];
    if (place === undefined) break;
    const detail = detailOf(sql, place, view, now_s);
    chars += JSON.stringify(detail).length;
    if (details.length > 0 && chars > LIMITS.snapshot_page_chars) break;
    details.push(detail);
  }
  const counted = one<{ version: number }>(sql, "SELECT version FROM cat_version");
  return {
    // What was decided ends by itself, and then the catalog is another though nothing came.
    version: (counted?.version ?? 0) * CHANGES_APART + Math.min(view.ended, CHANGES_APART - 1),
    listings_total: countListings(sql) - countHidden(sql, view),
    details,
    next_cursor: rows.length > details.length ? (details.at(-1)?.listing.address ?? null) : null,
  };
}

function detailOf(sql: Sql, { row, address }: PlaceRow, view: ReaderView, now_s: number): CatalogDetail {
  const event = eventAt(sql, row);
  const [releases, older] = [releasesOf(sql, address, now_s), olderReleases(sql, address, now_s)];
  const rollup = rollUpOf(sql, address);
  return {
    listing: toListing(sql, event, releases, view),
    event: parsed(event),
    release_events: releases.map((release) => parsed(releaseAt(sql, release.address))),
    ...(older.length === 0 ? {} : { older_release_events: older.map((release) => parsed(releaseAt(sql, release))) }),
    ...(rollup === undefined ? {} : { reputation_event: parsed(rollup) }),
  };
}

/** An event as it is stored: it was checked when it was taken. */
function parsed(raw: string): CatalogDetail["event"] {
  return JSON.parse(raw) as CatalogDetail["event"];
}

function eventAt(sql: Sql, row: number): string {
  const held = one<{ raw: string }>(sql, "SELECT raw FROM cat_events WHERE row = ?", row);
  assert(held !== undefined, "a listing has its event");
  return held.raw;
}

function releaseAt(sql: Sql, address: string): string {
  const held = one<{ raw: string }>(sql, "SELECT raw FROM cat_releases WHERE address = ?", address);
  assert(held !== undefined, "a release has its event");
  return held.raw;
}

export function droppedCounts(sql: Sql): Readonly<Record<string, number>> {
  const rows = sql.all<{ code: string; count: number }>("SELECT code, count FROM cat_dropped ORDER BY code LIMIT 100");
  return Object.fromEntries(rows.map(({ code, count }) => [code, count]));
}

/** Those that expired a moment ago and are not swept yet are among them. */
export function countListings(sql: Sql): number {
  return one<{ listings: number }>(sql, "SELECT listings FROM cat_version")?.listings ?? 0;
}

type ReleaseRow = CatalogListing["releases"][number] &
  Readonly<Record<string, SqlValue>> & { readonly address: string };

/** The newest release of each channel, main first. */
function releasesOf(sql: Sql, listing: string, now_s: number): readonly ReleaseRow[] {
  return sql.all<ReleaseRow>(
    `SELECT address, channel, version, event_id, manifest_event_id, manifest_sha256, created_at
     FROM cat_releases WHERE listing = ? AND newest = 1 AND (expires_at IS NULL OR expires_at > ?)
     ORDER BY channel = 'main' DESC, channel LIMIT ${LIMITS.catalog_channels}`,
    listing,
    now_s,
  );
}

/** The addresses of the other releases that are kept, latest first. */
function olderReleases(sql: Sql, listing: string, now_s: number): readonly string[] {
  return sql
    .all<{ address: string }>(
      `SELECT address FROM cat_releases WHERE listing = ? AND newest = 0 AND (expires_at IS NULL OR expires_at > ?)
       ORDER BY created_at DESC, address LIMIT ${LIMITS.catalog_history}`,
      listing,
      now_s,
    )
    .map(({ address }) => address);
}

/** Read again from the event, which was checked when it was taken: there is no second copy of its facts to go stale. */
function toListing(sql: Sql, raw: string, releases: readonly ReleaseRow[], view: ReaderView): CatalogListing {
  const event = parsed(raw);
  const manifest = JSON.parse(event.content) as UpgradeManifest;
  const { pubkey, id: event_id, created_at } = event;
  const address = addressOf(event);
  const reputation = reputationOf(sql, address);
  const moderation = moderationOf(view, { address, pubkey, event_id });
  return {
    address,
    pubkey,
    npub: hexToNpub(pubkey),
    slug: manifest.id,
    version: manifest.version,
    title: manifest.title,
    summary: manifest.summary ?? "",
    ...(manifest.author.name === undefined ? {} : { author_name: manifest.author.name }),
    license: manifest.license ?? "",
    categories: [...(manifest.categories ?? [])],
    tags: [...(manifest.tags ?? [])],
    backends: [...manifest.capabilities.backends],
    platforms: [...manifest.capabilities.platforms],
    pricing: pricingOf(manifest),
    schedule_type: manifest.schedule.type,
    manifest_sha256: tagValue(event, "x") ?? "",
    event_id,
    created_at,
    ...(reputation === undefined ? {} : { reputation }),
    ...(moderation === undefined ? {} : { moderation }),
    releases: releases.map(({ address: _, ...release }) => release),
  };
}

function pricingOf({ pricing }: UpgradeManifest): CatalogListing["pricing"] {
  const { model = "free", amount_sats = 0, trial_runs } = pricing ?? {};
  return { model, amount_sats, ...(trial_runs === undefined ? {} : { trial_runs }) };
}
