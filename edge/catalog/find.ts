import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import type { CatalogQuery } from "@oa/shared/generated/types.ts";
import type { ReaderView } from "@oa/shared/moderation/reader.ts";
import { matchExpression } from "../relay/search.ts";
import { shownRows } from "./moderation.ts";
import { authorHex, type Cursor, readCursor, type Sort } from "./page-cursor.ts";

/** What a list's order compares; addresses decide among equals. Each has an index of its name. */
const ORDERS: Readonly<Record<Exclude<Sort, "relevance">, readonly [key: string, direction: "ASC" | "DESC"]>> = {
  newest: ["l.created_at", "DESC"],
  title: ["l.title_key", "ASC"],
  price: ["l.price_sats", "ASC"],
  rating: ["l.low_milli", "DESC"],
};

/** A listing in its place in a list. */
export interface Found {
  readonly row: number;
  readonly address: string;
  readonly key: string | number;
}

interface FoundRow extends Found, Readonly<Record<string, SqlValue>> {
  readonly pubkey: string;
  readonly event_id: string;
}

/** One condition, said both ways: a query finds listings by the one that fewest meet, and checks the others. */
interface Condition {
  /** `SELECT row …`: all that meet it. */
  readonly rows: string;
  /** Whether the listing `l` meets it. A subselect where it must not be taken for a way to find rows. */
  readonly check: string;
  readonly params: readonly SqlValue[];
}

/** A query that makes sense. */
export interface Search {
  readonly sort: Sort;
  readonly limit: number;
  readonly cursor: Cursor | null;
  readonly match: string | null;
  readonly conditions: readonly Condition[];
}

/** Reads what is asked. Refusal: usage. */
export function searchOf(query: CatalogQuery): Search | Rejection {
  const match = query.text === undefined ? null : matchExpression(query.text);
  const sort = query.sort ?? (match === null ? "newest" : "relevance");
  if (sort === "relevance" && match === null) return reject("usage", "sort=relevance needs words in text");
  const cursor = query.cursor === undefined ? null : readCursor(query.cursor, sort);
  if (isRejection(cursor)) return cursor;
  const author = query.author === undefined ? null : authorHex(query.author);
  if (isRejection(author)) return author;
  const conditions: Condition[] = [];
  if (author !== null) conditions.push(column("pubkey", "= ?", author));
  if (query.slug !== undefined) conditions.push(column("slug", "= ?", query.slug));
  if (query.price === "free") conditions.push(column("price_sats", "= ?", 0));
  else if (query.price === "paid") conditions.push(column("price_sats", "> ?", 0));
  else if (query.price !== undefined) conditions.push(column("price_sats", "<= ?", Number(query.price)));
  for (const facet of ["backend", "platform", "tag", "category"] as const) {
    const value = query[facet];
    if (value !== undefined) conditions.push(labelled(facet, value.toLowerCase()));
  }
  const limit = Number(query.limit ?? LIMITS.catalog_page_default);
  return { sort, limit, cursor, match, conditions };
}

function column(name: "pubkey" | "slug" | "price_sats", test: string, value: SqlValue): Condition {
  return {
    rows: `SELECT row FROM cat_listings WHERE ${name} ${test}`,
    check: `+l.${name} ${test}`,
    params: [value],
  };
}

function labelled(facet: string, value: string): Condition {
  const of = "FROM cat_facets f WHERE f.facet = ? AND f.value = ?";
  return {
    rows: `SELECT f.row ${of}`,
    check: `1 = (SELECT 1 ${of} AND f.row = l.row)`,
    params: [facet, value],
  };
}

/** Those that meet all conditions and that the view shows, in order: at most one more than the limit. */
export function findListings(sql: Sql, search: Search, view: ReaderView, now_s: number): readonly Found[] {
  const { sort, limit, match, conditions } = search;
  const matched: readonly Condition[] = match === null ? [] : [wording(match)];
  const split = narrowest(sql, sort === "relevance" ? conditions : [...conditions, ...matched]);
  return shownRows<FoundRow>(view, limit + 1, (last, count) => {
    const after = last === null ? search.cursor : { sort, key: last.key, address: last.address };
    if (sort === "relevance" && match !== null) return ranked(sql, match, split, after, count, now_s);
    return walked(sql, sort === "relevance" ? "newest" : sort, split, after, count, now_s);
  });
}

function wording(match: string): Condition {
  const rows = "SELECT rowid FROM cat_search WHERE cat_search MATCH ?";
  return { rows, check: `+l.row IN (${rows})`, params: [match] };
}

type Split = readonly [narrow: Condition | null, rest: readonly Condition[]];

/** The condition that fewest listings meet, if they are few enough to be looked at one by one; and the others. */
function narrowest(sql: Sql, conditions: readonly Condition[]): Split {
  let least: { readonly condition: Condition; readonly count: number } | null = null;
  for (const condition of conditions) {
    const counted = `SELECT count(*) AS count FROM (${condition.rows} LIMIT ${LIMITS.catalog_narrow + 1})`;
    const count = one<{ count: number }>(sql, counted, ...condition.params)?.count ?? 0;
    if (count < (least?.count ?? LIMITS.catalog_narrow + 1)) least = { condition, count };
  }
  const narrow = least?.condition ?? null;
  return [narrow, conditions.filter((condition) => condition !== narrow)];
}

const LIVE = "(l.expires_at IS NULL OR l.expires_at > ?)";

/** By the few rows of the narrow condition, sorted; else along the order's own index until the page is full. */
function walked(
  sql: Sql,
  sort: Exclude<Sort, "relevance">,
  [narrow, rest]: Split,
  after: Cursor | null,
  count: number,
  now_s: number,
): readonly FoundRow[] {
  const [key, direction] = ORDERS[sort];
  const beyond = direction === "ASC" ? ">" : "<";
  const checks = [
    ...(narrow === null ? [] : [`l.row IN (${narrow.rows})`]),
    ...rest.map(({ check }) => check),
    LIVE,
    // Said so that the index is entered at the place.
    ...(after === null ? [] : [`${key} ${beyond}= ? AND (${key} ${beyond} ? OR l.address > ?)`]),
  ];
  return sql.all<FoundRow>(
    `SELECT l.row, l.address, l.pubkey, l.event_id, ${key} AS key
     FROM cat_listings l ${narrow === null ? `INDEXED BY cat_listings_${sort}` : "NOT INDEXED"}
     WHERE ${checks.join(" AND ")} ORDER BY ${key} ${direction}, l.address LIMIT ${count}`,
    ...(narrow?.params ?? []),
    ...rest.flatMap(({ params }) => params),
    now_s,
    ...(after === null ? [] : [after.key, after.key, after.address]),
  );
}

/** By how well they match. Of words that very many have, those taken last are ranked. */
function ranked(
  sql: Sql,
  match: string,
  [narrow, rest]: Split,
  after: Cursor | null,
  count: number,
  now_s: number,
): readonly FoundRow[] {
  const checks = [
    "cat_search MATCH ?",
    ...(narrow === null ? [] : [`+cat_search.rowid IN (${narrow.rows})`]),
    ...rest.map(({ check }) => check),
    LIVE,
  ];
  return sql.all<FoundRow>(
    `SELECT * FROM (
       SELECT l.row, l.address, l.pubkey, l.event_id, bm25(cat_search, 10, 6, 4, 3, 2) AS key
       FROM cat_search CROSS JOIN cat_listings l ON l.row = cat_search.rowid
       WHERE ${checks.join(" AND ")} ORDER BY cat_search.rowid DESC LIMIT ${LIMITS.catalog_ranked})
     ${after === null ? "" : "WHERE key > ? OR (key = ? AND address > ?)"}
     ORDER BY key, address LIMIT ${count}`,
    match,
    ...(narrow?.params ?? []),
    ...rest.flatMap(({ params }) => params),
    now_s,
    ...(after === null ? [] : [after.key, after.key, after.address]),
  );
}
