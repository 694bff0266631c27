import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
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
import { fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { fromEvent as releaseFrom } from "@oa/shared/nostr/30052-release.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { matchExpression } from "../relay/search.ts";
import { moderationOf, refuseHidden, visible } from "./moderation.ts";
import { authorHex, readCursor, type Sort, writeCursor } from "./page-cursor.ts";
import { reputationOf } from "./reputation.ts";

/** What each order compares; addresses decide among equals. */
const ORDERS: Readonly<Record<Sort, { readonly key: string; readonly direction: "ASC" | "DESC" }>> = {
  relevance: { key: "bm25(cat_search, 10, 6, 4, 3, 2)", direction: "ASC" },
  newest: { key: "l.created_at", direction: "DESC" },
  title: { key: "l.title_key", direction: "ASC" },
  price: { key: "l.price_sats", direction: "ASC" },
  rating: { key: "coalesce(r.low_milli, 0)", direction: "DESC" },
};

/** One page of listings that meet all conditions and that the view shows. Refusal: usage. */
export function listListings(sql: Sql, query: CatalogQuery, view: ReaderView, now_s: number): CatalogPage | Rejection {
  const match = query.text === undefined ? null : matchExpression(query.text);
  const sort = query.sort ?? (match === null ? "newest" : "relevance");
  if (sort === "relevance" && match === null) return reject("usage", "sort=relevance needs words in text");
  const cursor = query.cursor === undefined ? null : readCursor(query.cursor, sort);
  if (isRejection(cursor)) return cursor;
  const author = query.author === undefined ? null : authorHex(query.author);
  if (isRejection(author)) return author;

  const parts = ["(l.expires_at IS NULL OR l.expires_at > ?)"];
  const params: SqlValue[] = [now_s];
  const add = (text: string, ...values: readonly SqlValue[]): void => {
    parts.push(text);
    params.push(...values);
  };
  if (match !== null) add("cat_search MATCH ?", match);
  const shown = visible(view);
  if (shown !== null) add(shown.text, ...shown.params);
  for (const facet of ["backend", "platform", "tag", "category"] as const) {
    const value = query[facet];
    if (value === undefined) continue;
    add("l.row IN (SELECT row FROM cat_facets WHERE facet = ? AND value = ?)", facet, value.toLowerCase());
  }
  if (author !== null) add("l.pubkey = ?", author);
  if (query.slug !== undefined) add("l.slug = ?", query.slug);
  if (query.price === "free") add("l.price_sats = 0");
  else if (query.price === "paid") add("l.price_sats > 0");
  else if (query.price !== undefined) add("l.price_sats <= ?", Number(query.price));

  const { key, direction } = ORDERS[sort];
  const after = direction === "ASC" ? ">" : "<";
  const limit = Number(query.limit ?? LIMITS.catalog_page_default);
  const rows = sql.all<{ address: string; raw: string; key: string | number }>(
    `SELECT address, raw, key FROM (
       SELECT l.address, l.raw, ${key} AS key
       FROM ${match === null ? "cat_listings l" : "cat_search JOIN cat_listings l ON l.row = cat_search.rowid"}
       ${sort === "rating" ? "LEFT JOIN cat_reputation r ON r.address = l.address" : ""}
       WHERE ${parts.join(" AND ")})
     ${cursor === null ? "" : `WHERE key ${after} ? OR (key = ? AND address > ?)`}
     ORDER BY key ${direction}, address LIMIT ${limit + 1}`,
    ...params,
    ...(cursor === null ? [] : [cursor.key, cursor.key, cursor.address]),
  );
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    listings: page.map(({ address, raw }) => toListing(sql, raw, releaseRows(sql, address, now_s), view)),
    next_cursor: last === undefined ? null : writeCursor({ sort, key: last.key, address: last.address }),
  };
}

/** One listing with its signed events. Refusals: not_found, listing_taken_down, listing_held. */
export function getListing(sql: Sql, address: string, view: ReaderView, now_s: number): CatalogDetail | Rejection {
  const row = one<{ raw: string; pubkey: string; event_id: string }>(
    sql,
    "SELECT raw, pubkey, event_id FROM cat_listings WHERE address = ? AND (expires_at IS NULL OR expires_at > ?)",
    address,
    now_s,
  );
  if (row === undefined) return reject("not_found", `the catalog has no listing ${address.slice(0, 300)}`);
  const hidden = refuseHidden(view, { address, ...row });
  return hidden ?? toDetail(sql, row.raw, releaseRows(sql, address, now_s), olderRows(sql, address, now_s), view);
}

const CHANGES_APART = 1_000_000;

/** The listings after an address, in the order of addresses, with their signed events: what a mirror reads. */
export function snapshotPage(sql: Sql, after: string, view: ReaderView, now_s: number): SnapshotPage {
  const shown = visible(view);
  const live = `(l.expires_at IS NULL OR l.expires_at > ?) ${shown === null ? "" : `AND ${shown.text}`}`;
  const params = [now_s, ...(shown?.params ?? [])];
  const rows = sql.all<{ address: string; raw: string }>(
    `SELECT address, raw FROM cat_listings l WHERE address > ? AND ${live} ORDER BY address LIMIT ?`,
    after,
    ...params,
    LIMITS.snapshot_page + 1,
  );
  const page = fitting(
    rows.slice(0, LIMITS.snapshot_page).map(({ address, raw }) => ({
      ...{ address, raw },
      releases: releaseRows(sql, address, now_s),
      older: olderRows(sql, address, now_s),
    })),
  );
  const changes = one<{ version: number }>(sql, "SELECT version FROM cat_version")?.version ?? 0;
  return {
    // What was decided ends by itself, and then the catalog is another though nothing came.
    version: changes * CHANGES_APART + Math.min(view.ended, CHANGES_APART - 1),
    listings_total:
      one<{ count: number }>(sql, `SELECT count(*) AS count FROM cat_listings l WHERE ${live}`, ...params)?.count ?? 0,
    details: page.map(({ raw, releases, older }) => toDetail(sql, raw, releases, older, view)),
    next_cursor: rows.length > page.length ? (page.at(-1)?.address ?? null) : null,
  };
}

/** As many as fit into one answer; one always does. */
function fitting<
  Row extends { readonly raw: string; readonly releases: readonly string[]; readonly older: readonly string[] },
>(rows: readonly Row[]): readonly Row[] {
  let chars = 0;
  const end = rows.findIndex(({ raw, releases, older }, index) => {
    chars += raw.length + [...releases, ...older].reduce((sum, release) => sum + release.length, 0);
    return index > 0 && chars > LIMITS.snapshot_page_chars;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

function toDetail(
  sql: Sql,
  raw: string,
  releases: readonly string[],
  older: readonly string[],
  view: ReaderView,
): CatalogDetail {
  return {
    listing: toListing(sql, raw, releases, view),
    event: JSON.parse(raw),
    release_events: releases.map((release) => JSON.parse(release)),
    ...(older.length === 0 ? {} : { older_release_events: older.map((release) => JSON.parse(release)) }),
  };
}

export function droppedCounts(sql: Sql): Readonly<Record<string, number>> {
  const rows = sql.all<{ code: string; count: number }>("SELECT code, count FROM cat_dropped ORDER BY code LIMIT 100");
  return Object.fromEntries(rows.map(({ code, count }) => [code, count]));
}

export function countListings(sql: Sql): number {
  return one<{ count: number }>(sql, "SELECT count(*) AS count FROM cat_listings")?.count ?? 0;
}

function releaseRows(sql: Sql, listing: string, now_s: number): readonly string[] {
  return sql
    .all<{ raw: string }>(
      `SELECT raw FROM cat_releases WHERE listing = ? AND newest = 1 AND (expires_at IS NULL OR expires_at > ?)
       ORDER BY channel = 'main' DESC, channel LIMIT ${LIMITS.catalog_channels}`,
      listing,
      now_s,
    )
    .map(({ raw }) => raw);
}

/** The other releases that are kept, latest first. */
function olderRows(sql: Sql, listing: string, now_s: number): readonly string[] {
  return sql
    .all<{ raw: string }>(
      `SELECT raw FROM cat_releases WHERE listing = ? AND newest = 0 AND (expires_at IS NULL OR expires_at > ?)
       ORDER BY created_at DESC, address LIMIT ${LIMITS.catalog_history}`,
      listing,
      now_s,
    )
    .map(({ raw }) => raw);
}

/** Read again from the event, which was checked when it was taken: there is no second copy of its facts to go stale. */
function toListing(sql: Sql, raw: string, releases: readonly string[], view: ReaderView): CatalogListing {
  const read = listingFrom(JSON.parse(raw) as VerifiedEvent);
  if (isRejection(read)) throw new Error(`a stored listing is no longer readable: ${read.message}`);
  const { manifest } = read;
  const reputation = reputationOf(sql, read.address);
  const { address, author: pubkey, event_id } = read;
  const moderation = moderationOf(view, { address, pubkey, event_id });
  return {
    address: read.address,
    pubkey: read.author,
    npub: hexToNpub(read.author),
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
    manifest_sha256: read.manifest_sha256,
    event_id: read.event_id,
    created_at: read.created_at,
    ...(reputation === undefined ? {} : { reputation }),
    ...(moderation === undefined ? {} : { moderation }),
    releases: releases.flatMap((text) => {
      const release = releaseFrom(JSON.parse(text) as VerifiedEvent);
      if (isRejection(release)) return [];
      const { channel, version, event_id, manifest_event_id, manifest_sha256, created_at } = release;
      return [{ channel, version, event_id, manifest_event_id, manifest_sha256, created_at }];
    }),
  };
}

function pricingOf({ pricing }: UpgradeManifest): CatalogListing["pricing"] {
  const { model = "free", amount_sats = 0, trial_runs } = pricing ?? {};
  return { model, amount_sats, ...(trial_runs === undefined ? {} : { trial_runs }) };
}
