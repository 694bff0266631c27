import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import { matchExpression } from "./search.ts";

interface Condition {
  readonly text: string;
  readonly params: readonly SqlValue[];
}

/**
 * Stored events that meet any of the filters, each within its own limit, newest first (lowest id first among equals);
 * by relevance where there is one filter and it searches. As the JSON they were stored as, within the byte limit.
 */
export function queryEvents(sql: Sql, filters: readonly NostrFilter[], now_s: number): readonly string[] {
  const found = new Map<number, { readonly seq: number; readonly created_at: number; readonly id: string }>();
  for (const filter of filters) {
    const limit = Math.min(filter.limit ?? LIMITS.relay_limit_default, LIMITS.relay_limit);
    if (limit === 0) continue;
    const { text, params } = condition(filter, now_s);
    const match = filter.search === undefined ? null : matchExpression(filter.search);
    const rows = sql.all<{ seq: number; created_at: number; id: string }>(
      match === null
        ? `SELECT e.seq, e.created_at, e.id FROM relay_events e WHERE ${text}
           ORDER BY e.created_at DESC, e.id LIMIT ${limit}`
        : `SELECT e.seq, e.created_at, e.id FROM relay_search JOIN relay_events e ON e.seq = relay_search.rowid
           WHERE relay_search MATCH ? AND ${text} ORDER BY relay_search.rank, e.created_at DESC, e.id LIMIT ${limit}`,
      ...(match === null ? [] : [match]),
      ...params,
    );
    for (const row of rows) found.set(row.seq, row);
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

/** How many stored events meet any of the filters (NIP-45). Refusal: filter_invalid. */
export function countEvents(sql: Sql, filters: readonly NostrFilter[], now_s: number): number | Rejection {
  const conditions = filters.map((filter) => {
    const base = condition(filter, now_s);
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
  return (
    one<{ count: number }>(sql, `SELECT count(*) AS count FROM relay_events e WHERE ${where}`, ...params)?.count ?? 0
  );
}

/** A filter as SQL over `relay_events e`; lists travel as one JSON parameter each. */
function condition(filter: NostrFilter, now_s: number): Condition {
  const parts: string[] = ["(e.expires_at IS NULL OR e.expires_at > ?)"];
  const params: SqlValue[] = [now_s];
  const add = (text: string, ...values: readonly SqlValue[]): void => {
    parts.push(text);
    params.push(...values);
  };
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
