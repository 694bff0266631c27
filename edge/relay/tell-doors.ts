import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { inTime } from "./in-time.ts";
import type { Fresh } from "./shard-tasks.ts";
import { eventsAfter, lastMark } from "./store.ts";

/** Each door that is told, the mark up to which it was told for certain, and since when it could not be told. */
const LISTENERS_DDL = `CREATE TABLE IF NOT EXISTS relay_told (
  door TEXT PRIMARY KEY, mark INTEGER NOT NULL, away_since_ms INTEGER) WITHOUT ROWID`;

/** What a shard tells a door in one call. */
export interface News {
  /** What is new, in the order of its marks; a door may have heard of some of it before. */
  readonly fresh: readonly Fresh[];
  /** The mark of the newest event that this shard ever stored. */
  readonly mark: number;
  /** Whether there were others that may not have arrived and do not come any more. */
  readonly missed: boolean;
}

/** A door, as a shard sees it. */
export interface DoorPort {
  /** Whether the door has any subscription still. */
  readonly deliver: (shard: number, news: News) => Promise<boolean>;
}

/** Tells doors of what a shard has stored: of each event that stays stored until all of them know. */
export interface Told {
  /** From now on the door is told, until it says that it has no subscription any more. */
  readonly listen: (door: string) => void;
  /** Tells of what has just been stored, in order. Resolves when the doors know, or could not be told. */
  readonly tell: (fresh: readonly Fresh[]) => Promise<void>;
  /** What was stored without being new, such as what another shard gave: nobody is told of it. */
  readonly passOver: () => void;
  /** Whether there is any door to tell. */
  readonly hasListeners: () => boolean;
  /** Whether some door may not know of something. */
  readonly owes: () => boolean;
  /**
   * Tells again those that could not be told, and writes down what all of them know. Resolves to how many milliseconds
   * to wait before it is done again: about as long as a door has been away. Null where nothing is owed, or only to doors
   * that have been away for so long that nobody is to wake for them any more.
   */
  readonly settle: () => Promise<number | null>;
}

interface ListenerRow {
  readonly mark: number;
  readonly away_since_ms: number | null;
}

interface Listener {
  /** The mark up to which it knows. */
  told: number;
  /** Since when it could not be told, as the last `settle` found; null where it could. */
  away_since_ms: number | null;
  /** What of these is written down. */
  saved: ListenerRow;
  /** Ephemeral events that wait: they are not stored, and told at most once. */
  passing: Fresh[];
  passing_chars: number;
  sending: boolean;
  /** Whether an ephemeral event for this door was lost, which it does not know yet. */
  missed: boolean;
  failures: number;
  /** How often the door has asked to be told: it may have a new subscription while it says that it has none. */
  asked: number;
}

/**
 * One call at a time to each door: what comes meanwhile goes with the next, so that a door hears everything in order.
 * What it knows is written down only now and then: a shard that dies before tells some of it again, and the door, which
 * knows the marks, passes over that. A door that lacks too much is told that it missed something instead.
 */
export function tellDoors(sql: Sql, shard: number, portOf: (door: string) => DoorPort): Told {
  sql.run(LISTENERS_DDL);
  let newest = lastMark(sql);
  const recent = recentEvents(newest);
  const listeners = new Map<string, Listener>();
  for (const { door, ...row } of sql.all<{ door: string; mark: number; away_since_ms: number | null }>(
    "SELECT door, mark, away_since_ms FROM relay_told",
  )) {
    listeners.set(door, newListener(row));
  }
  const isOwed = ({ told, passing, missed }: Listener): boolean => told < newest || passing.length > 0 || missed;
  const save = (door: string, listener: Listener): void => {
    const { told: mark, away_since_ms, saved } = listener;
    if (saved.mark === mark && saved.away_since_ms === away_since_ms) return;
    sql.run("UPDATE relay_told SET mark = ?, away_since_ms = ? WHERE door = ?", mark, away_since_ms, door);
    listener.saved = { mark, away_since_ms };
  };
  const next = (listener: Listener): { readonly news: News; readonly told: number } => {
    const { passing, told } = listener;
    const lacks = newest - told > LIMITS.relay_owed_events;
    const missed = listener.missed || lacks;
    const room = LIMITS.relay_call_chars - listener.passing_chars;
    const stored = lacks ? [] : (recent.after(told, room) ?? eventsAfter(sql, told, room));
    listener.passing = [];
    listener.passing_chars = 0;
    listener.missed = false;
    return {
      news: { fresh: [...stored, ...passing], mark: newest, missed },
      told: stored.at(-1)?.mark ?? newest,
    };
  };
  const send = async (door: string, listener: Listener): Promise<void> => {
    listener.sending = true;
    while (isOwed(listener) && listener.failures < LIMITS.relay_tell_calls) {
      const { asked } = listener;
      const { news, told } = next(listener);
      try {
        const isNothing = news.fresh.length === 0 && !news.missed; // what was owed may be deleted since
        const listens = isNothing || (await inTime(() => portOf(door).deliver(shard, news)));
        listener.told = told;
        listener.failures = 0;
        if (listener.told - listener.saved.mark > LIMITS.relay_owed_events / 2) save(door, listener);
        if (listens || listener.asked !== asked) continue;
        listeners.delete(door);
        sql.run("DELETE FROM relay_told WHERE door = ?", door);
        break;
      } catch (error) {
        listener.missed ||= news.missed || news.fresh.some(({ mark }) => mark === null);
        listener.failures += 1;
        console.error("a door of the relay could not be told of new events", error);
      }
    }
    listener.sending = false;
  };
  const sendAll = async (): Promise<void> => {
    const sent = [...listeners].flatMap(([door, listener]) => {
      return listener.sending || listener.failures >= LIMITS.relay_tell_calls || !isOwed(listener)
        ? []
        : [send(door, listener)];
    });
    await Promise.all(sent);
  };
  const passOn = (fresh: readonly Fresh[]): void => {
    const chars = fresh.reduce((sum, { raw }) => sum + raw.length, 0);
    if (chars === 0) return;
    for (const listener of listeners.values()) {
      if (listener.passing_chars + chars > LIMITS.relay_call_chars / 2) {
        listener.missed = true;
        console.error(`a door of the relay is too slow: ${fresh.length} ephemeral events do not reach it`);
        continue;
      }
      listener.passing.push(...fresh);
      listener.passing_chars += chars;
    }
  };
  return {
    listen: (door) => {
      const listener = listeners.get(door);
      if (listener === undefined) {
        sql.run("INSERT OR REPLACE INTO relay_told (door, mark) VALUES (?, ?)", door, newest);
        listeners.set(door, newListener({ mark: newest, away_since_ms: null }));
        return;
      }
      listener.asked += 1;
      listener.failures = 0;
    },
    tell: async (fresh) => {
      const stored = fresh.filter(({ mark }) => mark !== null);
      newest = stored.at(-1)?.mark ?? newest;
      recent.add(stored);
      recent.drop(Math.min(newest, ...[...listeners.values()].map(({ told }) => told)));
      passOn(fresh.filter(({ mark }) => mark === null));
      await sendAll();
    },
    passOver: () => {
      const before = newest;
      newest = lastMark(sql);
      for (const listener of listeners.values()) if (listener.told === before) listener.told = newest;
    },
    hasListeners: () => listeners.size > 0,
    owes: () => [...listeners.values()].some(isOwed),
    settle: async () => {
      for (const listener of listeners.values()) listener.failures = 0;
      await sendAll();
      const now_ms = Date.now();
      const waits = [...listeners].flatMap(([door, listener]) => {
        const isAway = isOwed(listener) && listener.failures > 0;
        listener.away_since_ms = isAway ? (listener.away_since_ms ?? now_ms) : null;
        save(door, listener);
        const away_ms = now_ms - (listener.away_since_ms ?? now_ms);
        return isOwed(listener) && away_ms < LIMITS.relay_away_ms ? [away_ms] : [];
      });
      return waits.length === 0 ? null : Math.max(LIMITS.relay_handover_retry_ms, Math.min(...waits));
    },
  };
}

function newListener(row: ListenerRow): Listener {
  const start = { told: row.mark, away_since_ms: row.away_since_ms, saved: row, passing: [], passing_chars: 0 };
  return { ...start, sending: false, missed: false, failures: 0, asked: 0 };
}

interface RecentEvents {
  readonly add: (stored: readonly Fresh[]) => void;
  /** Up to this mark nobody needs them any more. */
  readonly drop: (mark: number) => void;
  /** The events after a mark, as many as there is room for and one at least; null where they are not here any more. */
  readonly after: (mark: number, chars: number) => readonly Fresh[] | null;
}

/** What was stored of late and not told to all, as far as memory goes: doors that are not far behind cost no look into the store. */
function recentEvents(newest: number): RecentEvents {
  const events: Fresh[] = [];
  let [from, held] = [newest, 0];
  const dropWhile = (isDropped: (mark: number) => boolean): void => {
    let gone = 0;
    for (const { mark, raw } of events) {
      if (mark === null || !isDropped(mark)) break;
      held -= raw.length;
      from = mark;
      gone += 1;
    }
    events.splice(0, gone);
  };
  return {
    add: (stored) => {
      events.push(...stored);
      for (const { raw } of stored) held += raw.length;
      dropWhile(() => held > LIMITS.relay_outbox_chars);
    },
    drop: (mark) => dropWhile((each) => each <= mark),
    after: (mark, chars) => {
      if (mark < from) return null;
      let room = chars;
      const later = events.slice(events.findLastIndex((event) => (event.mark ?? 0) <= mark) + 1);
      const end = later.findIndex(({ raw }, index) => {
        room -= raw.length;
        return index > 0 && room < 0;
      });
      return end === -1 ? later : later.slice(0, end);
    },
  };
}
