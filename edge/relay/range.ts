import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { shardName } from "@oa/shared/nostr/relay-shard.ts";
import { inTime } from "./in-time.ts";
import {
  allBans,
  beginMove,
  beginRange,
  forgetRange,
  liesBy,
  type Moved,
  partsElsewhere,
  setLiesBy,
  takeMoved,
} from "./move.ts";

/** What shards ask each other when their number has changed; see `ShardRange`. `count`: the number, which all must have. */
export interface RangePort {
  readonly placed: (count: number) => Promise<boolean>;
  readonly giveAway: (count: number) => Promise<boolean>;
  readonly take: (count: number, moved: Moved) => Promise<void>;
}

/** A shard's range of the keys, and the events that another number of shards gives to others. */
export interface ShardRange {
  /**
   * Whether all events of the relay are known to lie by the number of now, and whoever asks knows that number (while a
   * new one is deployed not all do): else nothing may be asked of this shard.
   */
  readonly isPlaced: (asked: number) => boolean;
  /** The same, asked of the first shard where it is not known here. */
  readonly ask: (asked: number) => Promise<boolean>;
  /** The same, as the first shard says; it sees to it that they do. */
  readonly placed: (asked: number) => boolean;
  /** Gives a part of what belongs to others to them; true where there is no more of it. */
  readonly giveAway: (asked: number) => Promise<boolean>;
  readonly take: (asked: number, moved: Moved) => void;
  /** Whether this is the first shard and some events do not lie by the number of now: `move` is to be called. */
  readonly mustMove: () => boolean;
  /** Has all objects give away what is others', and then all may be asked again. */
  readonly move: () => Promise<void>;
}

interface Surroundings {
  /** This object's name, which is where its range begins, or began under another number. */
  readonly name: string;
  /** The number of shards. */
  readonly count: number;
  /** The object of a name, among those of now and of before. */
  readonly portOf: (name: string) => RangePort;
  /** Has `move` called at a time. */
  readonly wake: (at_ms: number) => void;
  readonly log: (text: string, error?: unknown) => void;
}

export function shardRange(sql: Sql, { name, count, portOf, wake, log }: Surroundings): ShardRange {
  const isFirst = name === shardName(0, count);
  if (isFirst) beginRange(sql, count);
  let isPlaced = liesBy(sql, count);
  let asking: Promise<boolean> | null = null;
  let parts: ReturnType<typeof partsElsewhere> | null = null;
  let giving: Promise<boolean> | null = null;
  /** The first shard's: objects that may have something of others, where a move has begun. */
  let givers: readonly string[] | null = null;
  const shard = (index: number): RangePort => portOf(shardName(index, count));
  const place = (): void => {
    setLiesBy(sql, count);
    isPlaced = true;
  };
  /** What takes part in a move may be asked nothing until the first shard says that it is over. */
  const takePart = (asked: number): void => {
    assert(asked === count, "all of the relay is started with one number of shards");
    if (isFirst) return;
    forgetRange(sql);
    isPlaced = false;
  };
  const give = async (): Promise<boolean> => {
    parts ??= partsElsewhere(sql, name, count);
    const { done, value: part } = parts.next();
    if (done === true) parts = null;
    if (done === true || part === null) return done === true;
    try {
      await inTime(() => shard(part.to).take(count, part.moved));
      part.forget();
      return false;
    } catch (error) {
      parts = null; // it begins again: this part was not forgotten
      throw error;
    }
  };
  const begin = async (): Promise<readonly string[]> => {
    const widest = beginMove(sql, count);
    const bans = allBans(sql);
    for (let index = 1; index < count; index += 1) await inTime(() => shard(index).take(count, { bans }));
    return Array.from({ length: widest }, (_, at) => shardName(at, widest));
  };
  /** False where there is more than one alarm may do. */
  const giveAll = async (): Promise<boolean> => {
    givers ??= await begin();
    for (let calls = 0; givers.length > 0; ) {
      const some: readonly string[] = givers.slice(0, LIMITS.relay_move_at_once);
      calls += some.length;
      if (calls > LIMITS.relay_move_calls) return false;
      const given = await Promise.all(some.map((each) => inTime(() => portOf(each).giveAway(count))));
      const done = new Set(some.filter((_, index) => given[index]));
      givers = givers.filter((each) => !done.has(each));
    }
    return true;
  };
  return {
    isPlaced: (asked) => isPlaced && asked === count,
    ask: async (asked) => {
      if (asked !== count) return false;
      if (isPlaced || isFirst) return isPlaced;
      asking ??= inTime(() => shard(0).placed(count)).finally(() => {
        asking = null;
      });
      if ((await asking) && !isPlaced) place();
      return isPlaced;
    },
    placed: (asked) => {
      assert(asked === count, "all of the relay is started with one number of shards");
      if (!isPlaced) wake(Date.now() + LIMITS.relay_handover_retry_ms);
      return isPlaced;
    },
    giveAway: async (asked) => {
      takePart(asked);
      // One part at a time: of two under way the later could end before the earlier has failed.
      giving ??= give().finally(() => {
        giving = null;
      });
      return giving;
    },
    take: (asked, moved) => {
      takePart(asked);
      sql.transaction(() => takeMoved(sql, moved, Math.floor(Date.now() / 1000)));
    },
    mustMove: () => isFirst && !isPlaced,
    move: async () => {
      if (!isFirst || isPlaced) return;
      if (givers === null) log(`the relay moves its events to ${count} shards, and answers when it has`);
      try {
        if (!(await giveAll())) return wake(Date.now());
        place();
        log(`the relay's events lie by ${count} shards`);
      } catch (error) {
        log("the relay could not move its events, and tries again", error);
        wake(Date.now() + LIMITS.relay_handover_retry_ms);
      }
    },
  };
}
