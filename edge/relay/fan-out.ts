import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import type { SyncItem } from "@oa/shared/nostr/negentropy.ts";
import { shardsOfFilter } from "@oa/shared/nostr/relay-shard.ts";
import type { Reader } from "./places.ts";
import { type Counted, type FoundRow, limitOf, orderRows } from "./query.ts";
import type { ShardTasks, WireReader } from "./shard-tasks.ts";

export interface FoundAcross {
  /** Events as JSON. */
  readonly raws: readonly string[];
  /** By shard: see `Found`. */
  readonly marks: ReadonlyMap<number, number>;
  /** What it took of the room for answers, to be given back when it has left. */
  readonly held: number;
}

/** What all answers that have not left may hold together, in characters. */
export interface AnswerRoom {
  /** False where there is not as much: nothing is taken then. */
  readonly take: (chars: number) => boolean;
  readonly give: (chars: number) => void;
}

const BOUNDLESS: AnswerRoom = { take: () => true, give: () => undefined };

export function answerRoom(chars: number): AnswerRoom {
  let left = chars;
  return {
    take: (wanted) => {
      if (wanted > left) return false;
      left -= wanted;
      return true;
    },
    give: (back) => {
      left += back;
    },
  };
}

/**
 * Stored events that meet any of the filters, of all shards that may have some: each filter within its own limit, in the
 * order of `orderRows`, within the byte limit. `live`: the door that asks is told from now on of what is new.
 * Refusals: busy, where the room does not hold it; as a shard answers.
 */
export async function findAcross(
  tasks: ShardTasks,
  filters: readonly NostrFilter[],
  reader: Reader,
  live: boolean,
  room: AnswerRoom = BOUNDLESS,
): Promise<FoundAcross | Rejection> {
  const wire = wireReader(reader);
  const answers = await Promise.all(
    touched(tasks, filters, reader).map(async (shard) => {
      return { shard, found: await tasks.ask<"find">(shard, { verb: "find", filters, reader: wire, live }) };
    }),
  );
  const marks = new Map<number, number>();
  const rows: Row[] = [];
  for (const { shard, found } of answers) {
    if (isRejection(found)) return found;
    marks.set(shard, found.mark);
    for (const row of found.rows) rows.push({ ...row, shard });
  }
  let held = 0;
  const hold = (some: readonly (string | null)[]): boolean => {
    const chars = some.reduce((sum, raw) => sum + (raw?.length ?? 0), 0);
    const taken = room.take(chars);
    if (taken) held += chars;
    return taken;
  };
  const found = hold(rows.map(({ raw }) => raw))
    ? await rawsOf(tasks, answers.length === 1 ? rows : withinLimits(filters, orderRows(rows)), hold)
    : tooBusy();
  if (isRejection(found)) {
    room.give(held);
    return found;
  }
  return { raws: found, marks, held };
}

/** How many stored events meet any of the filters (NIP-45): an event is in one shard only. Refusals: as a shard answers. */
export async function countAcross(
  tasks: ShardTasks,
  filters: readonly NostrFilter[],
  reader: Reader,
): Promise<Counted | Rejection> {
  const wire = wireReader(reader);
  const answers = await Promise.all(
    touched(tasks, filters, reader).map((shard) => {
      return tasks.ask<"count">(shard, { verb: "count", filters, reader: wire });
    }),
  );
  let [count, approximate] = [0, false];
  for (const each of answers) {
    if (isRejection(each)) return each;
    count += each.count;
    approximate ||= each.approximate || count > LIMITS.relay_count_max;
  }
  return { count: Math.min(count, LIMITS.relay_count_max), approximate };
}

/**
 * What a comparison (NIP-77) compares of the stored events that meet a filter. One shard is asked after the other, each for
 * what there is still room for: all at once could answer more than a door holds. Refusals: sync_too_large; as a shard answers.
 */
export async function itemsAcross(
  tasks: ShardTasks,
  filter: NostrFilter,
  reader: Reader,
): Promise<readonly SyncItem[] | Rejection> {
  const wire = wireReader(reader);
  const { limit = Number.POSITIVE_INFINITY } = filter;
  let items: SyncItem[] = [];
  for (const [index, shard] of touched(tasks, [filter], reader).entries()) {
    const most = limit <= LIMITS.sync_events ? limit : LIMITS.sync_events - items.length;
    const asked = tasks.ask<"items">(shard, { verb: "items", filter, reader: wire, most });
    if (index > 0) tasks.send(); // the caller has sent the first
    const found = await asked;
    if (isRejection(found)) return found;
    items = items.concat(found);
    if (items.length <= limit) continue;
    items.sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
    items.length = limit;
  }
  return items;
}

type Row = FoundRow & { readonly shard: number };

function tooBusy(): Rejection {
  return reject("busy", "the relay has too many large answers under way: ask again in a few seconds");
}

function wireReader(reader: Reader): WireReader {
  return reader === "edge" ? reader : [...reader];
}

function touched({ count }: ShardTasks, filters: readonly NostrFilter[], reader: Reader): readonly number[] {
  return [...new Set(filters.flatMap((filter) => shardsOfFilter(filter, count, reader)))].sort((a, b) => a - b);
}

/** Each shard gave each filter its limit: of all, each keeps its first. */
function withinLimits(filters: readonly NostrFilter[], rows: readonly Row[]): readonly Row[] {
  const room = filters.map(limitOf);
  return rows.filter((row) => {
    let kept = false;
    for (const [index, left] of room.entries()) {
      if ((row.filters & (1 << index)) === 0 || left === 0) continue;
      room[index] = left - 1;
      kept = true;
    }
    return kept;
  });
}

/**
 * The events' JSON, in order, within the byte limit: what the answers had no room for is asked for. Of each shard as much
 * at a time as leaves room for the others': together they have more than a door holds.
 */
async function rawsOf(
  tasks: ShardTasks,
  rows: readonly Row[],
  hold: (some: readonly (string | null)[]) => boolean,
): Promise<readonly string[] | Rejection> {
  const held = new Map<Row, string | null>();
  for (const row of rows) if (row.raw !== null) held.set(row, row.raw);
  const shards = new Set(rows.map(({ shard }) => shard)).size;
  const share = Math.max(Math.floor(LIMITS.relay_call_chars / shards), LIMITS.relay_message_chars);
  const raws: string[] = [];
  let chars = 0;
  for (const [index, row] of rows.entries()) {
    if (!held.has(row)) {
      const missing = rows.slice(index).filter((each) => each.shard === row.shard && !held.has(each));
      const answer = await tasks.raws(
        row.shard,
        missing.map(({ seq }) => seq),
        share,
      );
      if (isRejection(answer)) return answer;
      if (!hold(answer)) return tooBusy();
      for (const [at, raw] of answer.entries()) {
        const each = missing[at];
        if (each !== undefined) held.set(each, raw);
      }
    }
    const raw = held.get(row) ?? null;
    if (raw === null) continue; // it was replaced or deleted meanwhile
    chars += raw.length;
    // The newest come first, so a client that reads on with `until` gets the rest.
    if (chars > LIMITS.relay_answer_chars) break;
    raws.push(raw);
  }
  return raws;
}
