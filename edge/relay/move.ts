import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { shardName, shardOfEvent, shardOfKey } from "@oa/shared/nostr/relay-shard.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { keepSubjects, type Subject, subjectsNamed } from "../reputation/lane.ts";
import { deleteEvents, type Expiry, eventsAfter, expireSooner, expiriesOf, storeEvents } from "./store.ts";

// `made_for`: the number of shards that all events of the relay lie by, as far as this one knows; 0 from when a move
// begins: some lie by another number then, also where the relay is started with the old one again. `widest`: the largest
// number by which some of them may still lie.
export const RANGE_DDL = "CREATE TABLE IF NOT EXISTS relay_range (made_for INTEGER NOT NULL, widest INTEGER NOT NULL)";

/** What one shard gives another, whose range it now belongs to. */
export interface Moved {
  /** Events as JSON, in the order in which they were stored. */
  readonly raws?: readonly string[];
  /** When some of them go, in Unix seconds: a sealed one's month does not begin again. */
  readonly expiries?: readonly Expiry[];
  /** What deletions among them name, which the other may have to hand on. */
  readonly subjects?: readonly Subject[];
  readonly deletions?: readonly Deletion[];
  readonly banned?: readonly Banned[];
  /** All bans there are, in place of those it has: each shard has all of them. */
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

/** The first shard's: a move to `count` begins. The largest number by which some events may lie. */
export function beginMove(sql: Sql, count: number): number {
  sql.run("UPDATE relay_range SET made_for = 0, widest = max(widest, ?)", count);
  return one<{ widest: number }>(sql, "SELECT widest FROM relay_range")?.widest ?? count;
}

/**
 * What an object, which is named by where its range begins or began, has of the ranges of others among `count` shards, a
 * part at a time; null after each look that went no further than a part goes. Begun again it gives what was not forgotten.
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
  const eventOf = ({ raw }: { readonly raw: string }) => JSON.parse(raw) as VerifiedEvent;

  const nextEvents = (mark: number) => eventsAfter(sql, mark, LIMITS.relay_move_chars);
  for (let page = nextEvents(0); page.length > 0; page = nextEvents(page.at(-1)?.mark ?? 0)) {
    const read = page.map((fresh) => ({ ...fresh, event: eventOf(fresh) }));
    for (const [to, some] of byShard(read, ({ event }) => shardOfEvent(event, count))) {
      const marks = some.flatMap(({ mark }) => mark ?? []);
      const raws = some.map(({ raw }) => raw);
      const deletions = some.flatMap(({ event }) => (event.kind === KINDS.deletion.kind ? [event] : []));
      const moved = { raws, expiries: expiriesOf(sql, marks), subjects: subjectsNamed(sql, deletions) };
      yield { to, moved, forget: () => sql.transaction(() => deleteEvents(sql, marks)) };
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
    for (const [to, some] of byShard(banned, (each) => shardOfEvent(eventOf(each), count))) {
      const ids = JSON.stringify(some.map(({ id }) => id));
      const forget = (): void =>
        sql.run("DELETE FROM relay_banned_events WHERE id IN (SELECT value FROM json_each(?))", ids);
      yield { to, moved: { banned: some }, forget };
    }
    yield null;
  }
}

/** Takes what another shard gives, inside the caller's transaction. Taking it twice changes nothing. */
export function takeMoved(sql: Sql, moved: Moved, now_s: number): void {
  const { raws = [], expiries = [], subjects = [], deletions = [], banned = [], bans } = moved;
  keepSubjects(sql, subjects);
  // The relay verified and took them once: that a kind is not taken at present, say, is no reason to lose them. What is
  // here already, or was replaced or deleted, stays as it is.
  const events = raws.map((raw) => JSON.parse(raw) as VerifiedEvent);
  storeEvents(sql, events, now_s, () => null);
  expireSooner(sql, expiries);
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
  if (bans === undefined) return;
  // Those that were lifted while this object was no part of the relay must not come back.
  sql.run("DELETE FROM relay_bans");
  for (const { kind, value, reason } of bans) {
    sql.run("INSERT INTO relay_bans (kind, value, reason) VALUES (?, ?, ?)", kind, value, reason);
  }
}

/** All bans, which the first shard has. */
export function allBans(sql: Sql): readonly Ban[] {
  return sql.all<Ban>("SELECT kind, value, reason FROM relay_bans");
}
