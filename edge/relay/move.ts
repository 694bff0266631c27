import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, isRejection } from "@oa/shared/core/refusal.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { shardName, shardOfEvent, shardOfKey } from "@oa/shared/nostr/relay-shard.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { deleteEvents, eventsAfter, storeEvents } from "./store.ts";

// `made_for`: the number of shards that all events of the relay lie by, as far as this one knows. `widest`: the largest
// number by which some of them may still lie. The first shard's: to which number they are moved, and of how many objects
// all is done.
export const RANGE_DDL = `CREATE TABLE IF NOT EXISTS relay_range (
  made_for INTEGER NOT NULL, widest INTEGER NOT NULL, moved_to INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0)`;

/** What one shard gives another, whose range it now belongs to. */
export interface Moved {
  /** Events as JSON, in the order in which they were stored. */
  readonly raws?: readonly string[];
  readonly deletions?: readonly Deletion[];
  readonly banned?: readonly Banned[];
  /** All bans there are: each shard has all of them. */
  readonly bans?: readonly Ban[];
}
type Deletion = { readonly target: string; readonly pubkey: string; readonly until: number };
type Banned = { readonly id: string; readonly pubkey: string; readonly raw: string };
type Ban = { readonly kind: string; readonly value: string; readonly reason: string };

interface Part {
  /** The shard that it belongs to. */
  readonly to: number;
  readonly moved: Moved;
  /** Takes it out here, once that shard has it. */
  readonly forget: () => void;
}

/** Whether all events of the relay are known to lie by this number of shards. */
export function liesBy(sql: Sql, count: number): boolean {
  const range = one<{ made_for: number; widest: number }>(sql, "SELECT made_for, widest FROM relay_range");
  return range?.made_for === count && range.widest === count;
}

/** The first shard's: a relay begins with all of its events, none, by this number. */
export function beginRange(sql: Sql, count: number): void {
  sql.run(
    "INSERT INTO relay_range (made_for, widest) SELECT ?1, ?1 WHERE NOT EXISTS (SELECT 1 FROM relay_range)",
    count,
  );
}

/** Writes down that they do. */
export function setLiesBy(sql: Sql, count: number): void {
  sql.transaction(() => {
    sql.run("DELETE FROM relay_range");
    sql.run("INSERT INTO relay_range (made_for, widest) VALUES (?, ?)", count, count);
  });
}

/** From now on the first shard has to be asked. */
export function forgetRange(sql: Sql): void {
  sql.run("DELETE FROM relay_range");
}

/** The first shard's: where a move to `count` stands, which may be its beginning. */
export function moveTo(sql: Sql, count: number): { readonly widest: number; readonly done: number } {
  sql.run(
    `UPDATE relay_range SET widest = max(widest, ?1), done = CASE WHEN moved_to = ?1 THEN done ELSE 0 END, moved_to = ?1`,
    count,
  );
  return one(sql, "SELECT widest, done FROM relay_range") ?? { widest: count, done: 0 };
}

/** The first shard's: so many objects, in order, have nothing any more that belongs to others. */
export function setMoved(sql: Sql, done: number): void {
  sql.run("UPDATE relay_range SET done = ?", done);
}

/**
 * What an object, which is named by where its range begins or began, has of the ranges of others among `count` shards, a
 * part at a time; null after a page of its own, since all at once would be too long. Begun again it gives what was not
 * forgotten.
 */
export function* partsElsewhere(sql: Sql, name: string, count: number): Generator<Part | null> {
  const byShard = <T>(
    items: readonly T[],
    shardOf: (item: T) => number,
  ): readonly (readonly [number, readonly T[]])[] => {
    const groups = new Map<number, T[]>();
    for (const item of items) groups.set(shardOf(item), [...(groups.get(shardOf(item)) ?? []), item]);
    return [...groups].filter(([shard]) => shardName(shard, count) !== name);
  };
  const shardOfRaw = (raw: string): number => shardOfEvent(JSON.parse(raw) as VerifiedEvent, count);

  const nextEvents = (mark: number) => eventsAfter(sql, mark, LIMITS.relay_move_chars);
  for (let page = nextEvents(0); page.length > 0; page = nextEvents(page.at(-1)?.mark ?? 0)) {
    for (const [to, events] of byShard(page, ({ raw }) => shardOfRaw(raw))) {
      const marks = events.flatMap(({ mark }) => mark ?? []);
      const raws = events.map(({ raw }) => raw);
      yield { to, moved: { raws }, forget: () => sql.transaction(() => deleteEvents(sql, marks)) };
    }
    yield null;
  }
  const nextDeletions = ({ target, pubkey }: Pick<Deletion, "target" | "pubkey">) =>
    sql.all<Deletion>(
      `SELECT target, pubkey, until FROM relay_deletions WHERE (target, pubkey) > (?, ?)
       ORDER BY target, pubkey LIMIT ${LIMITS.relay_move_rows}`,
      ...[target, pubkey],
    );
  let deletions = nextDeletions({ target: "", pubkey: "" });
  for (; deletions.length > 0; deletions = nextDeletions(deletions.at(-1) ?? { target: "", pubkey: "" })) {
    for (const [to, some] of byShard(deletions, ({ pubkey }) => shardOfKey(pubkey, count))) {
      // What an author has deleted stays deleted: nobody asks here for it any more.
      yield { to, moved: { deletions: some }, forget: () => undefined };
    }
    yield null;
  }
  const nextBanned = (id: string) =>
    sql.all<Banned>(
      `SELECT id, pubkey, raw FROM relay_banned_events WHERE id > ? ORDER BY id LIMIT ${LIMITS.relay_move_banned}`,
      id,
    );
  for (let banned = nextBanned(""); banned.length > 0; banned = nextBanned(banned.at(-1)?.id ?? "")) {
    for (const [to, some] of byShard(banned, ({ raw }) => shardOfRaw(raw))) {
      const ids = JSON.stringify(some.map(({ id }) => id));
      const forget = (): void =>
        sql.run("DELETE FROM relay_banned_events WHERE id IN (SELECT value FROM json_each(?))", ids);
      yield { to, moved: { banned: some }, forget };
    }
  }
}

/** Why a moved event may not be stored anew: it is here already, or its author or its time have ended it. */
const SETTLED: readonly string[] = ["event_duplicate", "event_superseded", "event_deleted", "event_expired"];

/** Takes what another shard gives, inside the caller's transaction. Taking it twice changes nothing. */
export function takeMoved(sql: Sql, { raws = [], deletions = [], banned = [], bans = [] }: Moved, now_s: number): void {
  // The relay verified them before it first stored them.
  const events = raws.map((raw) => JSON.parse(raw) as VerifiedEvent);
  for (const stored of storeEvents(sql, events, now_s)) {
    assert(!isRejection(stored) || SETTLED.includes(stored.code), "what was stored once may be stored");
  }
  for (const { target, pubkey, until } of deletions) {
    sql.run(
      `INSERT INTO relay_deletions (target, pubkey, until) VALUES (?, ?, ?)
       ON CONFLICT (target, pubkey) DO UPDATE SET until = max(until, excluded.until)`,
      ...[target, pubkey, until],
    );
  }
  for (const { id, pubkey, raw } of banned) {
    sql.run("INSERT OR IGNORE INTO relay_banned_events (id, pubkey, raw) VALUES (?, ?, ?)", id, pubkey, raw);
  }
  for (const { kind, value, reason } of bans) {
    sql.run("INSERT OR REPLACE INTO relay_bans (kind, value, reason) VALUES (?, ?, ?)", kind, value, reason);
  }
}

/** All bans, which the first shard has. */
export function allBans(sql: Sql): readonly Ban[] {
  return sql.all<Ban>("SELECT kind, value, reason FROM relay_bans");
}
