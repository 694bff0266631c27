import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import type { SyncItem } from "@oa/shared/nostr/negentropy.ts";
import { inTime } from "./in-time.ts";
import type { Counted, FoundRow } from "./query.ts";

/** What is asked of one shard. What travels in one call is done in order, in one transaction. */
export type ShardTask =
  /** An event that a boundary has verified, as JSON. */
  | { readonly verb: "store"; readonly raw: string }
  /** `live`: the door that asks is told from now on of what is new. */
  | {
      readonly verb: "find";
      readonly filters: readonly NostrFilter[];
      readonly reader: WireReader;
      readonly live: boolean;
    }
  | { readonly verb: "count"; readonly filters: readonly NostrFilter[]; readonly reader: WireReader }
  | { readonly verb: "items"; readonly filter: NostrFilter; readonly reader: WireReader };

/** Who reads, as it travels: the keys that have authenticated, or the edge itself. */
export type WireReader = readonly string[] | "edge";

export interface ShardAnswers {
  /** `mark`: see `Found`; null for an ephemeral event, which is not kept. */
  readonly store: { readonly mark: number | null };
  readonly find: Found;
  readonly count: Counted;
  readonly items: readonly SyncItem[];
}

export interface Found {
  readonly rows: readonly FoundRow[];
  /** Of what this shard tells its doors, events with a mark up to this one were stored before this look. */
  readonly mark: number;
}

export type ShardAnswer = ShardAnswers[ShardTask["verb"]] | Rejection;

/** An event that a shard has just stored, for its doors. */
export interface Fresh {
  readonly raw: string;
  readonly mark: number | null;
}

/** One shard, as those who call it see it. */
export interface ShardPort {
  /** `door`: the id of the door that asks, which is told by the answer of what is new; null for the edge itself. */
  readonly perform: (
    from: { readonly shard: number; readonly door: string | null },
    tasks: readonly ShardTask[],
  ) => Promise<readonly ShardAnswer[]>;
  /** Stored events as JSON by their place in the store, as many as `chars` has room for; null for those that are gone. */
  readonly raws: (seqs: readonly number[], chars: number) => Promise<readonly (string | null)[]>;
}

/** One call to a shard. */
interface Call {
  readonly shard: number;
  readonly tasks: ShardTask[];
  readonly settle: ((answer: ShardAnswer) => void)[];
  chars: number;
}

/** Tasks for several shards, gathered so that each shard gets one call, or a few where much is to be stored. */
export interface ShardTasks {
  readonly count: number;
  /** What the shard answers, after `send`. One that fails or stays silent answers for itself: internal. */
  readonly ask: <V extends ShardTask["verb"]>(
    shard: number,
    task: Extract<ShardTask, { readonly verb: V }>,
  ) => Promise<ShardAnswers[V] | Rejection>;
  readonly raws: (
    shard: number,
    seqs: readonly number[],
    chars: number,
  ) => Promise<readonly (string | null)[] | Rejection>;
  readonly send: () => void;
}

export function gatherTasks(count: number, door: string | null, portOf: (shard: number) => ShardPort): ShardTasks {
  let calls: Call[] = [];
  const open = new Map<number, Call>();
  const callWithRoom = (shard: number, chars: number): Call => {
    const last = open.get(shard);
    if (last !== undefined && last.chars + chars <= LIMITS.relay_call_chars) return last;
    const call: Call = { shard, tasks: [], settle: [], chars: 0 };
    open.set(shard, call);
    calls.push(call);
    return call;
  };
  return {
    count,
    ask: <V extends ShardTask["verb"]>(shard: number, task: Extract<ShardTask, { readonly verb: V }>) =>
      new Promise<ShardAnswers[V] | Rejection>((resolve) => {
        const chars = "raw" in task ? task.raw.length : 0;
        const call = callWithRoom(shard, chars);
        call.chars += chars;
        call.tasks.push(task);
        // The shard answers each task by its verb.
        call.settle.push((answer) => resolve(answer as ShardAnswers[V] | Rejection));
      }),
    raws: (shard, seqs, chars) => answered(shard, () => portOf(shard).raws(seqs, chars)),
    send: () => {
      for (const { shard, tasks, settle } of calls) {
        void answered(shard, () => portOf(shard).perform({ shard, door }, tasks)).then((answers) => {
          for (const [index, each] of settle.entries()) {
            each(isRejection(answers) ? answers : (answers[index] ?? unavailable()));
          }
        });
      }
      calls = [];
      open.clear();
    },
  };
}

function unavailable(): Rejection {
  return reject("internal", "a part of the relay cannot do this at present: try again later");
}

/** What a call came to; one that fails, or takes too long, is refused and logged. */
async function answered<T>(shard: number, call: () => Promise<T>): Promise<T | Rejection> {
  try {
    return await inTime(call);
  } catch (error) {
    console.error(`shard ${shard} of the relay did not do what it was asked`, error);
    return unavailable();
  }
}
