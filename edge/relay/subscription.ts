import { LIMITS } from "@oa/shared/core/limits.ts";
import { matchesFilter, type NostrFilter } from "@oa/shared/nostr/filter.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { frames } from "./protocol.ts";

/** A new event, as a shard told of it. */
export interface LiveEvent {
  readonly event: NostrEvent;
  readonly raw: string;
  readonly shard: number;
  /** Its place in that shard's store (see `Fresh`); null for an ephemeral one. */
  readonly mark: number | null;
}

/**
 * What a client waits for. Until what is stored has been told, new events wait: some of them are among it, which their
 * shard's mark shows.
 */
export interface Subscription {
  readonly filters: readonly NostrFilter[];
  /** Of the filters as JSON: about what they hold of memory. */
  readonly chars: number;
  /** Null once what is stored has been told. */
  waiting: LiveEvent[] | null;
  waiting_chars: number;
  /** Whether new events were lost while it waited. */
  missed: boolean;
  /** By shard: up to which mark it was looked through. */
  marks: ReadonlyMap<number, number>;
}

export function newSubscription(filters: readonly NostrFilter[]): Subscription {
  return { ...answeredBefore(filters), waiting: [] };
}

/** A subscription that outlived this object's memory: nothing that it was told of can come again (see `heardNews`). */
export function answeredBefore(filters: readonly NostrFilter[]): Subscription {
  const { length: chars } = JSON.stringify(filters);
  return { filters, chars, waiting: null, waiting_chars: 0, missed: false, marks: new Map() };
}

export function isWaitedFor({ filters }: Subscription, event: NostrEvent): boolean {
  // A search is answered from what is stored: a new event has no rank yet.
  return filters.some((filter) => filter.search === undefined && matchesFilter(filter, event));
}

/** The frame that tells of a new event which the subscription waits for; null where it is not told, or not yet. */
export function liveFrame(id: string, subscription: Subscription, live: LiveEvent): string | null {
  const { waiting, marks } = subscription;
  if (waiting !== null) {
    subscription.waiting_chars += live.raw.length;
    const full =
      waiting.length >= LIMITS.relay_waiting_events || subscription.waiting_chars > LIMITS.relay_waiting_chars;
    subscription.missed ||= full;
    if (subscription.missed) waiting.length = 0;
    else waiting.push(live);
    return null;
  }
  if (live.mark !== null && live.mark <= (marks.get(live.shard) ?? -1)) return null;
  return frames.event(id, live.raw);
}

/** What is stored has been told: the frames of what came meanwhile and was not among it; null where some of it is lost. */
export function catchUp(
  id: string,
  subscription: Subscription,
  marks: Subscription["marks"],
): readonly string[] | null {
  const waited = subscription.waiting ?? [];
  subscription.waiting = null;
  subscription.marks = marks;
  if (subscription.missed) return null;
  return waited.flatMap((live) => liveFrame(id, subscription, live) ?? []);
}
