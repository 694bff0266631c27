import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import type { SyncItem } from "@oa/shared/nostr/negentropy.ts";
import { conditionOf, type Place, placesOf, type Reader } from "./places.ts";
import { matchExpression } from "./search.ts";

/** A stored event that meets some of the filters. */
export interface FoundRow {
  readonly seq: number;
  readonly created_at: number;
  readonly id: string;
  /** How well it meets the words of a search, the lower the better; null where it is found by its time. */
  readonly rank: number | null;
  /** The filters within whose limit it is, as bits. */
  readonly filters: number;
  /** Its JSON; null where the answer has no more room. */
  readonly raw: string | null;
}

/** How many events a filter is answered with at most. */
export function limitOf({ limit }: NostrFilter): number {
  return Math.min(limit ?? LIMITS.relay_limit_default, LIMITS.relay_limit);
}

/** Newest first, lowest id first among equals; by relevance where all are found so. */
export function orderRows<T extends Pick<FoundRow, "created_at" | "id" | "rank">>(rows: readonly T[]): readonly T[] {
  const byTime = (a: T, b: T): number => b.created_at - a.created_at || (a.id < b.id ? -1 : 1);
  if (!rows.every(({ rank }) => rank !== null)) return rows.toSorted(byTime);
  return rows.toSorted((a, b) => (a.rank ?? 0) - (b.rank ?? 0) || byTime(a, b));
}

/**
 * Stored events that meet any of the filters, each within its own limit, in the order of `orderRows`; where one filter
 * searches and meets very many, the newest are looked at. Their JSON as far as `chars` goes.
 */
export function findRows(
  sql: Sql,
  filters: readonly NostrFilter[],
  reader: Reader,
  now_s: number,
  chars: number,
): { readonly rows: readonly FoundRow[]; readonly chars: number } {
  assert(filters.length < 32, "filters are bits of one whole number");
  const found = new Map<number, Place & { filters: number }>();
  for (const [index, filter] of filters.entries()) {
    const limit = limitOf(filter);
    if (limit === 0) continue;
    for (const place of placesOf(sql, filter, reader, limit, now_s)) {
      // Relevance orders nothing where another filter has its own events beside.
      const rank = filters.length === 1 ? place.rank : null;
      found.set(place.seq, { ...place, rank, filters: (found.get(place.seq)?.filters ?? 0) | (1 << index) });
    }
  }
  const ordered = orderRows([...found.values()]);
  const raws = readRaws(
    sql,
    ordered.map(({ seq }) => seq),
    chars,
  );
  return {
    rows: ordered.map((place, index) => ({ ...place, raw: raws[index] ?? null })),
    chars: raws.reduce((sum, raw) => sum + (raw?.length ?? 0), 0),
  };
}

/** What a comparison (NIP-77) compares of the stored events that meet a filter. Refusal: sync_too_large, over `most`. */
export function syncItems(
  sql: Sql,
  { filter, reader, most }: { readonly filter: NostrFilter; readonly reader: Reader; readonly most: number },
  now_s: number,
): readonly SyncItem[] | Rejection {
  // From a time on, always: see `conditionOf`.
  const { text, params } = conditionOf({ since: 0, ...filter }, reader, now_s);
  const limit = Math.min(filter.limit ?? Number.POSITIVE_INFINITY, most + 1);
  const items = sql.all<{ created_at: number; id: string }>(
    `SELECT e.created_at, e.id FROM relay_events e WHERE ${text} ORDER BY e.created_at DESC, e.id LIMIT ${limit}`,
    ...params,
  );
  if (items.length <= most) return items;
  return reject("sync_too_large", `over ${LIMITS.sync_events} events meet this filter: ask for less of them at a time`);
}

export interface Counted {
  readonly count: number;
  readonly approximate: boolean;
}

/** How many stored events meet any of the filters (NIP-45), counted no further than the limit. Refusal: filter_invalid. */
export function countEvents(
  sql: Sql,
  filters: readonly NostrFilter[],
  reader: Reader,
  now_s: number,
): Counted | Rejection {
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

/** Events' JSON by their place in the store, in the order asked for, as many as `chars` has room for; null for one that is gone. */
export function readRaws(sql: Sql, seqs: readonly number[], chars: number): readonly (string | null)[] {
  const raws: (string | null)[] = [];
  let room = chars;
  for (let start = 0; start < seqs.length; start += PAGE) {
    const rows = sql.all<{ raw: string | null }>(
      `SELECT e.raw FROM json_each(?) wanted LEFT JOIN relay_events e ON e.seq = wanted.value ORDER BY wanted.key`,
      JSON.stringify(seqs.slice(start, start + PAGE)),
    );
    for (const { raw } of rows) {
      room -= raw?.length ?? 0;
      if (room < 0) return raws;
      raws.push(raw);
    }
  }
  return raws;
}
