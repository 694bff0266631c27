import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { inTime } from "./in-time.ts";
import type { Fresh } from "./shard-tasks.ts";

export const LISTENERS_DDL = "CREATE TABLE IF NOT EXISTS relay_listeners (door TEXT PRIMARY KEY) WITHOUT ROWID";

/** A door, as a shard sees it. */
export interface DoorPort {
  /** Whether the door has any subscription still. `missed`: before these there were others that may not have arrived. */
  readonly deliver: (shard: number, fresh: readonly Fresh[], missed: boolean) => Promise<boolean>;
}

/** Tells doors of what a shard has just stored. */
export interface Told {
  /** From now on the door is told, until it says that it has no subscription any more. */
  readonly listen: (door: string) => void;
  /** Resolves when the doors know, or could not be told. `door`: the one that knows already. */
  readonly tell: (
    from: { readonly shard: number; readonly door: string | null },
    fresh: readonly Fresh[],
  ) => Promise<void>;
}

interface Listener {
  waiting: Fresh[];
  waiting_chars: number;
  sending: boolean;
  /** Whether something for this door was lost, which it does not know yet. */
  missed: boolean;
  /** How often the door has asked to be told: it may have a new subscription while it says that it has none. */
  asked: number;
}

/** How often a door is told once more that it missed something, when nothing else is to be told. */
const MISSED_CALLS = 2;

/**
 * One call at a time to each door: what comes meanwhile goes with the next, so that a door hears everything in order.
 * What a door could not be told is not told again, but that it missed something is.
 */
export function tellDoors(sql: Sql, portOf: (door: string) => DoorPort): Told {
  sql.run(LISTENERS_DDL);
  const listeners = new Map<string, Listener>();
  for (const { door } of sql.all<{ door: string }>("SELECT door FROM relay_listeners")) {
    listeners.set(door, newListener());
  }
  const send = async (shard: number, door: string, listener: Listener): Promise<void> => {
    listener.sending = true;
    for (let failures = 0; listener.waiting.length > 0 || (listener.missed && failures < MISSED_CALLS); ) {
      const { asked, missed } = listener;
      listener.missed = false;
      try {
        const fresh = takeOneCall(listener);
        const listens = await inTime(() => portOf(door).deliver(shard, fresh, missed));
        failures = 0;
        if (listens || listener.asked !== asked) continue;
        listeners.delete(door);
        sql.run("DELETE FROM relay_listeners WHERE door = ?", door);
        break;
      } catch (error) {
        listener.missed = true;
        failures += 1;
        console.error("a door of the relay could not be told of new events", error);
      }
    }
    listener.sending = false;
  };
  return {
    listen: (door) => {
      const listener = listeners.get(door);
      if (listener !== undefined) {
        listener.asked += 1;
        return;
      }
      sql.run("INSERT OR IGNORE INTO relay_listeners (door) VALUES (?)", door);
      listeners.set(door, newListener());
    },
    tell: async (from, fresh) => {
      const chars = fresh.reduce((sum, { raw }) => sum + raw.length, 0);
      const sent = [...listeners].flatMap(([door, listener]) => {
        if (door === from.door) return [];
        if (listener.waiting_chars + chars > LIMITS.relay_outbox_chars) {
          listener.missed = true;
          console.error(`a door of the relay is too slow: ${fresh.length} new events do not reach it`);
          return [];
        }
        listener.waiting.push(...fresh);
        listener.waiting_chars += chars;
        return listener.sending ? [] : [send(from.shard, door, listener)];
      });
      await Promise.all(sent);
    },
  };
}

function newListener(): Listener {
  return { waiting: [], waiting_chars: 0, sending: false, missed: false, asked: 0 };
}

/** Takes what waits for a door, as much as one call carries: at least one event where any waits. */
function takeOneCall(listener: Listener): readonly Fresh[] {
  const { waiting } = listener;
  let [count, chars] = [0, 0];
  for (const { raw } of waiting) {
    if (count > 0 && chars + raw.length > LIMITS.relay_call_chars) break;
    chars += raw.length;
    count += 1;
  }
  const taken = waiting.splice(0, count);
  listener.waiting_chars -= chars;
  return taken;
}
