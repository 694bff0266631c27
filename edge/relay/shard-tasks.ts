import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import type { SyncItem } from "@oa/shared/nostr/negentropy.ts";
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
  /** `most`: how many are refused beyond. */
  | { readonly verb: "items"; readonly filter: NostrFilter; readonly reader: WireReader; readonly most: number };

/** Who reads, as it travels: the keys that have authenticated, or the edge itself. */
export type WireReader = readonly string[] | "edge";

export interface ShardAnswers {
  readonly store: "stored";
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

/** A new event, for the shard's doors. */
export interface Fresh {
  readonly raw: string;
  /** Its place in the store: what is stored later has a higher one. Null for an ephemeral one, which is not stored. */
  readonly mark: number | null;
}

/** One shard, as those who call it see it. `count`: how many shards they know; one that knows of others refuses. */
export interface ShardPort {
  /** `door`: the id of the door that asks; null for the edge itself. */
  readonly perform: (
    count: number,
    door: string | null,
    tasks: readonly ShardTask[],
  ) => Promise<readonly ShardAnswer[]>;
  /** Stored events as JSON by their place in the store, as many as `chars` has room for; null for those that are gone. */
  readonly raws: (count: number, seqs: readonly number[], chars: number) => Promise<readonly (string | null)[]>;
}

/** What a call came to: an answer, or none. `made`: the shard was called, and may have done what it was asked. */
export type Outcome<T> = { readonly answer: T } | { readonly made: boolean };

/** Calls a shard. It never throws, and always ends. */
export type CallShard = <T>(shard: number, call: (port: ShardPort) => Promise<T>) => Promise<Outcome<T>>;

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

export function gatherTasks(count: number, door: string | null, called: CallShard): ShardTasks {
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
    raws: async (shard, seqs, chars) => {
      const outcome = await called(shard, (port) => port.raws(count, seqs, chars));
      return "answer" in outcome ? outcome.answer : unavailable();
    },
    send: () => {
      for (const { shard, tasks, settle } of calls) {
        void called(shard, (port) => port.perform(count, door, tasks)).then((outcome) => {
          for (const [index, each] of settle.entries()) {
            if ("answer" in outcome) each(outcome.answer[index] ?? unavailable());
            else each(outcome.made && tasks[index]?.verb === "store" ? perhapsStored() : unavailable());
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

/** The call was made, and its answer did not come: the shard may have done what it was asked. */
function perhapsStored(): Rejection {
  return reject("internal", "it is not known whether this event was stored: publish it again, which is safe");
}
