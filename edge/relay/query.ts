import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import type { SyncItem } from "@oa/shared/nostr/negentropy.ts";
import { conditionOf, type Place, placesOf, type Reader } from "./places.ts";
import { matchExpression } from "./search.ts";

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
    for (const row of placesOf(sql, filter, reader, limit, now_s)) found.set(row.seq, row);
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

/** What a comparison (NIP-77) compares of the stored events that meet a filter. Refusal: sync_too_large. */
export function syncItems(
  sql: Sql,
  filter: NostrFilter,
  reader: Reader,
  now_s: number,
): readonly SyncItem[] | Rejection {
  const { text, params } = conditionOf(filter, reader, now_s);
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
  const params: SqlValue[] = [];
  const where = filters.map((filter) => {
    const condition = conditionOf(filter, reader, now_s, { before: params.length });
    params.push(...condition.params);
    const match = filter.search === undefined ? null : matchExpression(filter.search);
    if (match === null) return `(${condition.text})`;
    const words = `?${params.push(match)}`;
    return `(${condition.text} AND e.seq IN (SELECT rowid FROM relay_search WHERE relay_search MATCH ${words}))`;
  });
  if (params.length > LIMITS.sql_params) {
    return reject("filter_invalid", `the filters have over ${LIMITS.sql_params} conditions together`);
  }
  const counted = one<{ count: number }>(
    sql,
    `SELECT count(*) AS count FROM (SELECT 1 FROM relay_events e WHERE ${where.join(" OR ")} LIMIT ${LIMITS.relay_count_max + 1})`,
    ...params,
  );
  const count = Math.min(counted?.count ?? 0, LIMITS.relay_count_max);
  return { count, approximate: (counted?.count ?? 0) > count };
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
