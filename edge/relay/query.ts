import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import { SEALED_KINDS } from "@oa/shared/nostr/kinds.ts";
import type { SyncItem } from "@oa/shared/nostr/negentropy.ts";
import { matchExpression } from "./search.ts";

interface Condition {
  readonly text: string;
  readonly params: readonly SqlValue[];
}

/** Who reads: the keys that have authenticated, or the edge itself, which sees sealed events too. */
export type Reader = ReadonlySet<string> | "edge";

/**
 * Stored events that meet any of the filters, each within its own limit, newest first (lowest id first among equals);
 * by relevance where there is one filter and it searches, unless it meets very many, of which the newest are looked at.
 * As the JSON they were stored as, within the byte limit.
 */
export function queryEvents(
  sql: Sql,
  filters: readonly NostrFilter[],
  reader: Reader,
  now_s: number,
): readonly string[] {
  const found = new Map<number, Place>();
  for (const filter of filters) {
    const limit = Math.min(filter.limit ?? LIMITS.relay_limit_default, LIMITS.relay_limit);
    if (limit === 0) continue;
    for (const row of placesOf(sql, filter, condition(filter, reader, now_s), limit)) found.set(row.seq, row);
  }
  const ordered = [...found.values()];
  if (filters.length > 1 || filters[0]?.search === undefined) {
    ordered.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
  }
  return readRaw(
    sql,
    ordered.map(({ seq }) => seq),
  );
}

interface Place {
  readonly seq: number;
  readonly created_at: number;
  readonly id: string;
}

function placesOf(sql: Sql, filter: NostrFilter, { text, params }: Condition, limit: number): readonly Place[] {
  const match = filter.search === undefined ? null : matchExpression(filter.search);
  if (match === null) {
    return sql.all<{ seq: number; created_at: number; id: string }>(
      `SELECT e.seq, e.created_at, e.id FROM relay_events e WHERE ${text}
       ORDER BY e.created_at DESC, e.id LIMIT ${limit}`,
      ...params,
    );
  }
  const most = LIMITS.relay_search_candidates;
  const all = sql.all(`SELECT 1 AS here FROM relay_search WHERE relay_search MATCH ? LIMIT ${most + 1}`, match).length;
  // Ranking reads every match, so a word that nearly all events have is answered by the newest instead.
  return sql.all<{ seq: number; created_at: number; id: string }>(
    all <= most
      ? `SELECT e.seq, e.created_at, e.id FROM relay_search JOIN relay_events e ON e.seq = relay_search.rowid
         WHERE relay_search MATCH ? AND ${text} ORDER BY relay_search.rank, e.created_at DESC, e.id LIMIT ${limit}`
      : `SELECT e.seq, e.created_at, e.id FROM
           (SELECT rowid AS seq FROM relay_search WHERE relay_search MATCH ? ORDER BY rowid DESC LIMIT ${most}) s
         JOIN relay_events e ON e.seq = s.seq WHERE ${text} ORDER BY e.created_at DESC, e.id LIMIT ${limit}`,
    match,
    ...params,
  );
}

/** What a comparison (NIP-77) compares of the stored events that meet a filter. Refusal: sync_too_large. */
export function syncItems(
  sql: Sql,
  filter: NostrFilter,
  reader: Reader,
  now_s: number,
): readonly SyncItem[] | Rejection {
  const { text, params } = condition(filter, reader, now_s);
  const limit = Math.min(filter.limit ?? Number.POSITIVE_INFINITY, LIMITS.sync_events + 1);
  const items = sql.all<{ created_at: number; id: string }>(
    `SELECT e.created_at, e.id FROM relay_events e WHERE ${text} ORDER BY e.created_at DESC LIMIT ${limit}`,
    ...params,
  );
  if (items.length <= LIMITS.sync_events) return items;
  return reject("sync_too_large", `over ${LIMITS.sync_events} events meet this filter: ask for less of them at a time`);
}

/** How many stored events meet any of the filters (NIP-45), counted no further than the limit. Refusal: filter_invalid. */
export function countEvents(
  sql: Sql,
  filters: readonly NostrFilter[],
  reader: Reader,
  now_s: number,
): { readonly count: number; readonly approximate: boolean } | Rejection {
  const conditions = filters.map((filter) => {
    const base = condition(filter, reader, now_s);
    const match = filter.search === undefined ? null : matchExpression(filter.search);
    return match === null
      ? base
      : {
          text: `${base.text} AND e.seq IN (SELECT rowid FROM relay_search WHERE relay_search MATCH ?)`,
          params: [...base.params, match],
        };
  });
  const params = conditions.flatMap((item) => item.params);
  if (params.length > LIMITS.sql_params) {
    return reject("filter_invalid", `the filters have over ${LIMITS.sql_params} conditions together`);
  }
  const where = conditions.map(({ text }) => `(${text})`).join(" OR ");
  const counted = one<{ count: number }>(
    sql,
    `SELECT count(*) AS count FROM (SELECT 1 FROM relay_events e WHERE ${where} LIMIT ${LIMITS.relay_count_max + 1})`,
    ...params,
  );
  const count = Math.min(counted?.count ?? 0, LIMITS.relay_count_max);
  return { count, approximate: (counted?.count ?? 0) > count };
}

/** A filter as SQL over `relay_events e`; lists travel as one JSON parameter each. */
function condition(filter: NostrFilter, reader: Reader, now_s: number): Condition {
  const parts: string[] = ["(e.expires_at IS NULL OR e.expires_at > ?)"];
  const params: SqlValue[] = [now_s];
  const add = (text: string, ...values: readonly SqlValue[]): void => {
    parts.push(text);
    params.push(...values);
  };
  if (reader !== "edge" && (filter.kinds === undefined || filter.kinds.some((kind) => SEALED_KINDS.includes(kind)))) {
    add(
      `(e.kind NOT IN (${SEALED_KINDS.join(", ")}) OR e.seq IN
         (SELECT seq FROM relay_tags WHERE name = 'p' AND value IN (SELECT value FROM json_each(?))))`,
      JSON.stringify([...reader]),
    );
  }
  if (filter.ids !== undefined) add("e.id IN (SELECT value FROM json_each(?))", JSON.stringify(filter.ids));
  if (filter.authors !== undefined) {
    add("e.pubkey IN (SELECT value FROM json_each(?))", JSON.stringify(filter.authors));
  }
  if (filter.kinds !== undefined) add("e.kind IN (SELECT value FROM json_each(?))", JSON.stringify(filter.kinds));
  if (filter.since !== undefined) add("e.created_at >= ?", filter.since);
  if (filter.until !== undefined) add("e.created_at <= ?", filter.until);
  for (const [name, values] of Object.entries(filter.tags)) {
    add(
      "e.seq IN (SELECT seq FROM relay_tags WHERE name = ? AND value IN (SELECT value FROM json_each(?)))",
      name,
      JSON.stringify(values),
    );
  }
  return { text: parts.join(" AND "), params };
}

const PAGE = 50;

function readRaw(sql: Sql, seqs: readonly number[]): readonly string[] {
  const events: string[] = [];
  let chars = 0;
  for (let start = 0; start < seqs.length; start += PAGE) {
    const rows = sql.all<{ raw: string }>(
      `SELECT e.raw FROM json_each(?) wanted JOIN relay_events e ON e.seq = wanted.value ORDER BY wanted.key`,
      JSON.stringify(seqs.slice(start, start + PAGE)),
    );
    for (const { raw } of rows) {
      chars += raw.length;
      // The newest come first, so a client that reads on with `until` gets the rest.
      if (chars > LIMITS.relay_answer_chars) return events;
      events.push(raw);
    }
  }
  return events;
}
