import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import { SEALED_KINDS } from "@oa/shared/nostr/kinds.ts";
import { matchExpression } from "./search.ts";

/** Who reads: the keys that have authenticated, or the edge itself, which sees sealed events too. */
export type Reader = ReadonlySet<string> | "edge";

export interface Place {
  readonly seq: number;
  readonly created_at: number;
  readonly id: string;
  readonly rank: number | null;
}

type PlaceRow = { seq: number; created_at: number; id: string; rank: number | null };

interface Condition {
  readonly text: string;
  readonly params: readonly SqlValue[];
}

/** The part of a filter that finds the events; the others are looked at for each of them. */
type Driver = "ids" | "authors" | "kinds" | "time" | { readonly tag: string };

/** Where events that meet a filter lie: the newest, or by relevance where the filter searches. */
export function placesOf(
  sql: Sql,
  filter: NostrFilter,
  reader: Reader,
  limit: number,
  now_s: number,
): readonly Place[] {
  const match = filter.search === undefined ? null : matchExpression(filter.search);
  if (match !== null) return placesByWords(sql, filter, reader, { match, limit, now_s });
  const driver = driverOf(sql, filter);
  const { text, params } = conditionOf(filter, reader, now_s, { driver });
  const select = (condition: string): string =>
    `SELECT e.seq, e.created_at, e.id, NULL AS rank FROM relay_events e WHERE ${condition}
     ORDER BY e.created_at DESC, e.id LIMIT ${limit}`;
  const column = driver === "authors" ? "pubkey" : driver === "kinds" ? "kind" : null;
  const values = driver === "authors" ? filter.authors : driver === "kinds" ? filter.kinds : undefined;
  if (column === null || values === undefined || values.length === 0 || values.length > LIMITS.relay_branches) {
    return sql.all<PlaceRow>(select(text), ...params);
  }
  // One ordered walk over the index for each value, which ends at the limit; a list of values would sort all they have.
  // Each by itself, as a Durable Object joins no more than five of them into one statement.
  const value = `?${params.length + 1}`;
  const walk = select(`e.${column} = ${value} AND ${text}`);
  const found = [...new Set<string | number>(values)].flatMap((one) => sql.all<PlaceRow>(walk, ...params, one));
  return found.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1)).slice(0, limit);
}

function placesByWords(
  sql: Sql,
  filter: NostrFilter,
  reader: Reader,
  { match, limit, now_s }: { readonly match: string; readonly limit: number; readonly now_s: number },
): readonly Place[] {
  const { text, params } = conditionOf(filter, reader, now_s);
  const words = `?${params.length + 1}`;
  const most = LIMITS.relay_search_candidates;
  const met = one<{ count: number }>(
    sql,
    `SELECT count(*) AS count FROM (SELECT 1 FROM relay_search WHERE relay_search MATCH ? LIMIT ${most + 1})`,
    match,
  );
  // Ranking reads every match, so a word that nearly all events have is answered by the newest instead.
  return sql.all<PlaceRow>(
    (met?.count ?? 0) <= most
      ? `SELECT e.seq, e.created_at, e.id, relay_search.rank FROM relay_search JOIN relay_events e ON e.seq = relay_search.rowid
         WHERE relay_search MATCH ${words} AND ${text}
         ORDER BY relay_search.rank, e.created_at DESC, e.id LIMIT ${limit}`
      : `SELECT e.seq, e.created_at, e.id, NULL AS rank FROM
           (SELECT rowid AS seq FROM relay_search WHERE relay_search MATCH ${words} ORDER BY rowid DESC LIMIT ${most}) s
         JOIN relay_events e ON e.seq = s.seq WHERE ${text} ORDER BY e.created_at DESC, e.id LIMIT ${limit}`,
    ...params,
    match,
  );
}

/** Ids find few; so does a tag that few events have; else an author has fewer events than a kind, and a kind than all. */
function driverOf(sql: Sql, filter: NostrFilter): Driver {
  if (filter.ids !== undefined) return "ids";
  let fewest: { readonly tag: string; readonly count: number } | null = null;
  for (const [tag, values] of Object.entries(filter.tags)) {
    const row = one<{ count: number }>(
      sql,
      `SELECT count(*) AS count FROM (SELECT 1 FROM relay_tags
         WHERE name = ? AND value IN (SELECT value FROM json_each(?)) LIMIT ${LIMITS.relay_tag_rows + 1})`,
      tag,
      JSON.stringify(values),
    );
    const count = row?.count ?? 0;
    if (count <= LIMITS.relay_tag_rows && (fewest === null || count < fewest.count)) fewest = { tag, count };
  }
  if (fewest !== null) return { tag: fewest.tag };
  if (filter.authors !== undefined) return "authors";
  return filter.kinds === undefined ? "time" : "kinds";
}

/**
 * A filter as SQL over `relay_events e` with numbered parameters; lists travel as one JSON parameter each. A `+` keeps
 * the planner, which knows nothing of how many rows there are, from finding rows by any other part than the driver. An
 * author or a kind that drives by single values is left to the caller. `before`: parameters that come first.
 */
export function conditionOf(
  filter: NostrFilter,
  reader: Reader,
  now_s: number,
  { driver, before = 0 }: { readonly driver?: Driver; readonly before?: number } = {},
): Condition {
  const parts: string[] = [];
  const params: SqlValue[] = [];
  const given = (value: SqlValue): string => `?${before + params.push(value)}`;
  const listed = (values: readonly (string | number)[]): string =>
    `IN (SELECT value FROM json_each(${given(JSON.stringify(values))}))`;
  const plain = (name: Driver): string => (driver === undefined || driver === name ? "" : "+");
  const isWalked = (name: Driver, values: readonly unknown[]): boolean =>
    driver === name && values.length > 0 && values.length <= LIMITS.relay_branches;

  parts.push(`(e.expires_at IS NULL OR e.expires_at > ${given(now_s)})`);
  if (reader !== "edge" && (filter.kinds === undefined || filter.kinds.some((kind) => SEALED_KINDS.includes(kind)))) {
    parts.push(
      `(+e.kind NOT IN (${SEALED_KINDS.join(", ")}) OR EXISTS
         (SELECT 1 FROM relay_tags t WHERE t.name = 'p' AND t.value ${listed([...reader])} AND t.seq = e.seq))`,
    );
  }
  const { ids, authors, kinds } = filter;
  if (ids !== undefined) parts.push(`e.id ${listed(ids)}`);
  if (authors !== undefined && !isWalked("authors", authors))
    parts.push(`${plain("authors")}e.pubkey ${listed(authors)}`);
  if (kinds !== undefined && !isWalked("kinds", kinds)) parts.push(`${plain("kinds")}e.kind ${listed(kinds)}`);
  const time = driver === "ids" || typeof driver === "object" ? "+" : "";
  // Where nothing else is said, since ever: of few events the planner would sort all there are rather than walk the index.
  const since = filter.since ?? (driver === "time" ? 0 : undefined);
  if (since !== undefined) parts.push(`${time}e.created_at >= ${given(since)}`);
  if (filter.until !== undefined) parts.push(`${time}e.created_at <= ${given(filter.until)}`);
  for (const [name, values] of Object.entries(filter.tags)) {
    const isDriver = driver === undefined || (typeof driver === "object" && driver.tag === name);
    parts.push(
      isDriver
        ? `e.seq IN (SELECT seq FROM relay_tags WHERE name = ${given(name)} AND value ${listed(values)})`
        : `EXISTS (SELECT 1 FROM relay_tags t WHERE t.name = ${given(name)} AND t.value ${listed(values)} AND t.seq = e.seq)`,
    );
  }
  return { text: parts.join(" AND "), params };
}
