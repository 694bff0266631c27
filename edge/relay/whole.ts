import { LIMITS } from "@oa/shared/core/limits.ts";
import type { ReasonCode } from "@oa/shared/core/reasons.ts";
import { assert, Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { RelayManagementRequest } from "@oa/shared/generated/types.ts";
import { type NostrFilter, parseFilter } from "@oa/shared/nostr/filter.ts";
import type { SyncItem } from "@oa/shared/nostr/negentropy.ts";
import type { RelayList } from "@oa/shared/nostr/relay-list.ts";
import { relayShards, shardOfEvent } from "@oa/shared/nostr/relay-shard.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { edgeSchnorr } from "../adapters/schnorr.ts";
import type { Caller } from "../adapters/spent-auth.ts";
import { type Binds, shardOf } from "../addresses.ts";
import type { RelayShard } from "../objects/relay-shard.ts";
import type { Settings } from "../settings.ts";
import { findAcross, itemsAcross } from "./fan-out.ts";
import { inTime } from "./in-time.ts";
import type { RelaySettings } from "./management.ts";
import { shardCalls } from "./shard-calls.ts";
import { gatherTasks, type ShardTasks } from "./shard-tasks.ts";
import { foreignEvents } from "./upstream.ts";

/** The relay as the rest of the edge uses it: all of its shards as one. Where one cannot be asked, each of these throws: asked again later, it may answer. */
export interface WholeRelay {
  /** For each list of filters, the stored events that meet any of them, as JSON. */
  readonly find: (lists: readonly (readonly object[])[]) => Promise<readonly (readonly string[])[]>;
  /**
   * Stores an event that another part of the edge verified or signed, and tells who waits for it; null where the relay has
   * it now, or a sentence why not.
   */
  readonly publish: (event: NostrEvent) => Promise<string | null>;
  /**
   * Takes what another relay sent for a filter: nobody has checked it yet. For each: null where it is new here, else the
   * code why it is not taken.
   */
  readonly takeForeign: (wire: object, events: readonly unknown[]) => Promise<readonly (ReasonCode | null)[]>;
  /** What is stored for a filter, for a comparison with another relay; null where it is too much. */
  readonly comparable: (wire: object) => Promise<readonly SyncItem[] | null>;
  /** Authors of listings in the order of their keys, a page of them. */
  readonly authorsAfter: (pubkey: string) => Promise<readonly string[]>;
  /**
   * Where authors of listings, and moderators, say they publish (NIP-65); `also`: addresses that count though they are not
   * public.
   */
  readonly relayLists: (also: readonly string[], moderators: readonly string[]) => Promise<readonly RelayList[]>;
  /** What its managers changed of what it says of itself. */
  readonly settings: () => Promise<RelaySettings>;
  /** One management call (NIP-86) by a key that may make it: its result as JSON, or a sentence why not. */
  readonly manage: (
    caller: Caller,
    request: RelayManagementRequest,
  ) => Promise<{ readonly result: string } | { readonly error: string; readonly replayed: boolean }>;
}

/** What an object needs to reach the relay. */
export type RelayEnv = Settings & Binds<"RELAY_SHARD", RelayShard>;

export function relayOf(env: RelayEnv): WholeRelay {
  const count = relayShards(env.RELAY_SHARDS);
  const shards = Array.from({ length: count }, (_, shard) => shardOf(env, shard));
  const first = shardOf(env, 0);
  const called = shardCalls((shard) => shardOf(env, shard));
  /** Asks, and sends what was asked. */
  const done = async <T>(ask: (tasks: ShardTasks) => Promise<T>): Promise<T> => {
    const tasks = gatherTasks(count, null, called);
    const answer = ask(tasks);
    tasks.send();
    return answer;
  };
  const store = (tasks: ShardTasks, event: NostrEvent) =>
    tasks.ask<"store">(shardOfEvent(event, count), { verb: "store", raw: JSON.stringify(event) });
  return {
    find: (lists) =>
      done((tasks) =>
        Promise.all(
          lists.map(async (list) => {
            const found = await findAcross(tasks, list.map(asked), "edge", false);
            if (isRejection(found)) throw new Fault(found.code, found.message, { retryable: true });
            return found.raws;
          }),
        ),
      ),
    publish: async (event) => {
      const answer = await done((tasks) => store(tasks, event));
      return isRejection(answer) && answer.code !== "event_duplicate" ? answer.message : null;
    },
    takeForeign: async (wire, events) => {
      const foreign = foreignEvents(asked(wire), events, edgeSchnorr(), env.EXTERNAL_LISTINGS === "1");
      const answers = await done((tasks) =>
        Promise.all(foreign.map((event) => (isRejection(event) ? event : store(tasks, event)))),
      );
      return answers.map((answer) => {
        if (!isRejection(answer)) return null;
        if (answer.code === "internal") throw new Error(answer.message);
        return answer.code;
      });
    },
    comparable: async (wire) => {
      const items = await done((tasks) => itemsAcross(tasks, asked(wire), "edge"));
      if (!isRejection(items)) return items;
      if (items.code === "internal") throw new Error(items.message);
      return null;
    },
    authorsAfter: async (pubkey) => {
      // Shards are in the order of keys, as the authors in each are.
      const pages = await Promise.all(shards.map((shard) => inTime(async () => await shard.authorsAfter(pubkey))));
      return pages.flat().slice(0, LIMITS.upstream_authors_page);
    },
    relayLists: async (also, moderators) => {
      const lists = await Promise.all(
        shards.map((shard) => inTime(async () => await shard.relayLists(also, moderators))),
      );
      return lists.flat().slice(0, LIMITS.upstream_authors);
    },
    settings: () => inTime(async () => await first.settings()),
    manage: (caller, request) => first.manage(caller, request),
  };
}

function asked(wire: object): NostrFilter {
  const filter = parseFilter(wire);
  assert(!isRejection(filter), "the edge asks with valid filters");
  return filter;
}
