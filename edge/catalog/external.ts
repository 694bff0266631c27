import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import type { CatalogPage, CatalogQuery, ExternalCatalogListing } from "@oa/shared/generated/types.ts";
import type { ReaderView } from "@oa/shared/moderation/reader.ts";
import { expirationOf } from "@oa/shared/nostr/expiration.ts";
import { detailOf, type ExternalListing, listingOf } from "@oa/shared/nostr/external.ts";
import { addressOf } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { matchExpression } from "../relay/search.ts";
import { shownRows } from "./moderation.ts";
import { authorHex, readCursor, writeCursor } from "./page-cursor.ts";

/** Apart from upgrades in every way: tables, search and answers of their own, so that none is ever taken for one. */
export const EXTERNAL_DDL = [
  `CREATE TABLE IF NOT EXISTS cat_external (
     row INTEGER PRIMARY KEY,
     address TEXT NOT NULL UNIQUE,
     pubkey TEXT NOT NULL,
     event_id TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     expires_at INTEGER,
     title_key TEXT NOT NULL,
     body TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS cat_external_newest ON cat_external (created_at DESC, address)",
  "CREATE INDEX IF NOT EXISTS cat_external_title ON cat_external (title_key, address)",
  "CREATE INDEX IF NOT EXISTS cat_external_author ON cat_external (pubkey)",
  `CREATE VIRTUAL TABLE IF NOT EXISTS cat_external_search USING fts5 (
     title, labels, summary, tokenize = 'porter unicode61 remove_diacritics 2')`,
  // What came about a listing in events of its author's own: releases, lists of tools.
  `CREATE TABLE IF NOT EXISTS cat_external_details (
     address TEXT PRIMARY KEY, about TEXT NOT NULL, pubkey TEXT NOT NULL, event_id TEXT NOT NULL,
     created_at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS cat_external_details_about ON cat_external_details (about, created_at)",
  "CREATE INDEX IF NOT EXISTS cat_external_details_author ON cat_external_details (pubkey)",
];

/** Takes an event of another draft. Refusals: foreign_event, quota_exceeded. */
export function takeExternal(sql: Sql, event: VerifiedEvent): Rejection | null {
  const listing = listingOf(event);
  if (!isRejection(listing)) return takeListing(sql, event, listing);
  const detail = detailOf(event);
  if (isRejection(detail)) return listing;
  const address = addressOf(event);
  if (!isNewer(sql, "cat_external_details", address, event)) return null;
  const full = refuseMore(sql, "cat_external_details", event.pubkey);
  if (full !== null) return full;
  sql.run(
    "INSERT OR REPLACE INTO cat_external_details VALUES (?, ?, ?, ?, ?, ?)",
    address,
    detail.about,
    event.pubkey,
    event.id,
    event.created_at,
    JSON.stringify({ version: detail.version, tools: detail.tools }),
  );
  return null;
}

function takeListing(sql: Sql, event: VerifiedEvent, listing: ExternalListing): Rejection | null {
  if (!isNewer(sql, "cat_external", listing.address, event)) return null;
  remove(sql, listing.address);
  const full = refuseMore(sql, "cat_external", event.pubkey);
  if (full !== null) return full;
  const row = one<{ row: number }>(
    sql,
    `INSERT INTO cat_external (address, pubkey, event_id, created_at, expires_at, title_key, body)
     VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING row`,
    listing.address,
    event.pubkey,
    event.id,
    event.created_at,
    expirationOf(event),
    listing.title.toLowerCase(),
    JSON.stringify(listing),
  )?.row;
  sql.run(
    "INSERT INTO cat_external_search (rowid, title, labels, summary) VALUES (?, ?, ?, ?)",
    row ?? 0,
    listing.title,
    listing.tags.join(" "),
    listing.summary,
  );
  return null;
}

/** Removes what a deletion names, of its own author only (NIP-09). */
export function deleteExternal(
  sql: Sql,
  deletion: VerifiedEvent,
  ids: readonly string[],
  addresses: readonly string[],
): void {
  for (const table of ["cat_external", "cat_external_details"] as const) {
    const doomed = sql.all<{ address: string }>(
      `SELECT address FROM ${table} WHERE pubkey = ?1 AND (event_id IN (SELECT value FROM json_each(?2))
         OR (address IN (SELECT value FROM json_each(?3)) AND created_at <= ?4))`,
      deletion.pubkey,
      JSON.stringify(ids),
      JSON.stringify(addresses),
      deletion.created_at,
    );
    for (const { address } of doomed) {
      if (table === "cat_external") remove(sql, address);
      else sql.run("DELETE FROM cat_external_details WHERE address = ?", address);
    }
  }
}

/** What a query may ask of listings that have no manifest. */
const ASKABLE = ["external", "text", "author", "tag", "sort", "moderators", "limit", "cursor"];

/** One page of other drafts' listings, in place of upgrades. Refusal: usage. */
export function listExternal(sql: Sql, query: CatalogQuery, view: ReaderView, now_s: number): CatalogPage | Rejection {
  const other = Object.keys(query).find((name) => !ASKABLE.includes(name));
  if (other !== undefined) return reject("usage", `external listings have no ${other} to look for`);
  const match = query.text === undefined ? null : matchExpression(query.text);
  const sort = query.sort === "title" ? "title" : "newest";
  if (query.sort !== undefined && query.sort !== sort)
    return reject("usage", "external listings go by newest or title");
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
  if (match !== null) add("l.row IN (SELECT rowid FROM cat_external_search WHERE cat_external_search MATCH ?)", match);
  if (author !== null) add("l.pubkey = ?", author);
  if (query.tag !== undefined) {
    add("EXISTS (SELECT 1 FROM json_each(l.body, '$.tags') WHERE value = ?)", query.tag.toLowerCase());
  }
  const [key, beyond, direction] = sort === "title" ? ["l.title_key", ">", "ASC"] : ["l.created_at", "<", "DESC"];
  const limit = Number(query.limit ?? LIMITS.catalog_page_default);
  const rows = shownRows<ExternalRow>(view, limit + 1, (last, count) => {
    const after = last ?? cursor;
    const place = after === null ? "" : `AND ${key} ${beyond}= ? AND (${key} ${beyond} ? OR l.address > ?)`;
    return sql.all<ExternalRow>(
      `SELECT l.row, l.address, l.pubkey, l.event_id, ${key} AS key FROM cat_external l
       WHERE ${parts.join(" AND ")} ${place} ORDER BY ${key} ${direction}, l.address LIMIT ${count}`,
      ...params,
      ...(after === null ? [] : [after.key, after.key, after.address]),
    );
  });
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    listings: [],
    external: page.map(({ row }) => shownListing(sql, bodyOf(sql, row))),
    next_cursor: last === undefined ? null : writeCursor({ sort, key: last.key, address: last.address }),
  };
}

interface ExternalRow extends Readonly<Record<string, SqlValue>> {
  readonly row: number;
  readonly address: string;
  readonly pubkey: string;
  readonly event_id: string;
  readonly key: string | number;
}

function bodyOf(sql: Sql, row: number): ExternalListing {
  const held = one<{ body: string }>(sql, "SELECT body FROM cat_external WHERE row = ?", row);
  assert(held !== undefined, "a listing that was found is there");
  return JSON.parse(held.body) as ExternalListing;
}

function shownListing(sql: Sql, listing: ExternalListing): ExternalCatalogListing {
  const details = sql
    .all<{ body: string }>(
      "SELECT body FROM cat_external_details WHERE about = ? ORDER BY created_at DESC LIMIT ?",
      listing.address,
      LIMITS.external_tools,
    )
    .map(({ body }) => JSON.parse(body) as { readonly version: string | null; readonly tools: readonly string[] });
  const newest = details.find(({ version }) => version !== null)?.version ?? null;
  const { tags, ...facts } = listing;
  return {
    ...facts,
    version: newest ?? listing.version,
    npub: hexToNpub(listing.pubkey),
    tags: [...tags],
    tools: [...(details.find(({ tools }) => tools.length > 0)?.tools ?? [])],
    installable: false,
  };
}

function isNewer(
  sql: Sql,
  table: "cat_external" | "cat_external_details",
  address: string,
  event: VerifiedEvent,
): boolean {
  const held = one<{ created_at: number; event_id: string }>(
    sql,
    `SELECT created_at, event_id FROM ${table} WHERE address = ?`,
    address,
  );
  if (held === undefined) return true;
  return event.created_at > held.created_at || (event.created_at === held.created_at && event.id < held.event_id);
}

/** Nobody fills the catalog with what it only shows. */
function refuseMore(sql: Sql, table: "cat_external" | "cat_external_details", pubkey: string): Rejection | null {
  const own =
    one<{ count: number }>(sql, `SELECT count(*) AS count FROM ${table} WHERE pubkey = ?`, pubkey)?.count ?? 0;
  const all = one<{ count: number }>(sql, `SELECT count(*) AS count FROM ${table}`)?.count ?? 0;
  if (own < LIMITS.external_per_key && all < LIMITS.external_listings) return null;
  return reject("quota_exceeded", `there is no room for more external listings by ${pubkey}`);
}

function remove(sql: Sql, address: string): void {
  const held = one<{ row: number }>(sql, "SELECT row FROM cat_external WHERE address = ?", address);
  if (held === undefined) return;
  sql.run("DELETE FROM cat_external_search WHERE rowid = ?", held.row);
  sql.run("DELETE FROM cat_external WHERE row = ?", held.row);
}
