import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { shardName } from "@oa/shared/nostr/relay-shard.ts";
import { inTime } from "./in-time.ts";
import {
  allBans,
  beginRange,
  forgetRange,
  liesBy,
  type Moved,
  moveTo,
  partsElsewhere,
  setLiesBy,
  setMoved,
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
  /** Whether all events of the relay are known to lie by the number of now: until then nothing may be asked of this shard. */
  readonly isPlaced: () => boolean;
  /** The same, asked of the first shard where it is not known here. */
  readonly ask: () => Promise<boolean>;
  /** The same, as the first shard says; it sees to it that they do. */
  readonly placed: (count: number) => boolean;
  /** Gives a part of what belongs to others to them; true where there is no more of it. */
  readonly giveAway: (count: number) => Promise<boolean>;
  readonly take: (count: number, moved: Moved) => void;
  /** The first shard's alarm: has all objects give away what is others', and then all may be asked again. */
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
  let giving: ReturnType<typeof partsElsewhere> | null = null;
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
  /** False where there is more than one alarm may do. */
  const giveAll = async (): Promise<boolean> => {
    const { widest, done } = moveTo(sql, count);
    let calls = 0;
    for (let at = done; at < widest; at += 1) {
      while (!(await inTime(() => portOf(shardName(at, widest)).giveAway(count)))) {
        calls += 1;
        if (calls > LIMITS.relay_move_calls) return false;
      }
      setMoved(sql, at + 1);
    }
    const bans = allBans(sql);
    for (let index = 1; index < count; index += 1) await inTime(() => shard(index).take(count, { bans }));
    return true;
  };
  return {
    isPlaced: () => isPlaced,
    ask: async () => {
      if (isPlaced || isFirst) return isPlaced;
      asking ??= inTime(() => shard(0).placed(count)).finally(() => {
        asking = null;
      });
      if ((await asking) && !isPlaced) place();
      return isPlaced;
    },
    placed: (asked) => {
      assert(asked === count, "all of the relay is started with one number of shards");
      if (!isPlaced) wake(Date.now());
      return isPlaced;
    },
    giveAway: async (asked) => {
      takePart(asked);
      giving ??= partsElsewhere(sql, name, count);
      const next = giving.next();
      if (next.done === true) {
        giving = null;
        return true;
      }
      if (next.value === null) return false;
      const { to, moved, forget } = next.value;
      try {
        await inTime(() => shard(to).take(count, moved));
        forget();
      } catch (error) {
        giving = null; // it begins again: this part was not forgotten
        throw error;
      }
      return false;
    },
    take: (asked, moved) => {
      takePart(asked);
      sql.transaction(() => takeMoved(sql, moved, Math.floor(Date.now() / 1000)));
    },
    move: async () => {
      if (!isFirst || isPlaced) return;
      log(`the relay moves its events to ${count} shards, and answers when it has`);
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
