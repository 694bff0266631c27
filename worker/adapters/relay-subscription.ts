import { setTimeout } from "node:timers/promises";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { RelayConnection } from "./relay-connection.ts";

/** By relay and subscription: the `created_at`, in seconds, up to which everything has been handled. */
export interface CursorStore {
  readonly get: (relay: string, subscription: string) => number | null;
  readonly set: (relay: string, subscription: string, created_at: number) => void;
}

/** Hands an event on; settles when it has been handled, rejects when it must be brought again. */
export type Delivery = (event: VerifiedEvent, relay: string) => Promise<void>;

export interface Follow {
  readonly relay: string;
  readonly filters: readonly WireFilter[];
  readonly cursors: CursorStore;
  /** The event if it is valid and asked for. */
  readonly check: (raw: unknown) => VerifiedEvent | null;
  readonly deliver: Delivery;
  readonly log: (message: string) => void;
}

/**
 * Follows one relay until the signal aborts. Everything stored since the cursor comes first, page by page, then what is
 * new. The cursor moves only past what was handled, so a crash or a lost connection loses nothing.
 */
export async function followRelay(
  follow: Follow,
  connect: () => Promise<RelayConnection>,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    const caughtUp = (): void => {
      failures = 0;
    };
    try {
      await session(follow, await connect(), caughtUp, signal);
    } catch (error) {
      if (!signal.aborted) follow.log(`${follow.relay}: ${error instanceof Error ? error.message : String(error)}`);
    }
    // Half fixed, half random, so that many workers do not come back at once.
    const most_ms = Math.min(LIMITS.relay_backoff_ms_max, LIMITS.relay_backoff_ms * 2 ** Math.min(failures, 20));
    await setTimeout(most_ms / 2 + (Math.random() * most_ms) / 2, undefined, { signal }).catch(() => undefined);
  }
}

async function session(
  follow: Follow,
  connection: RelayConnection,
  caughtUp: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { relay, filters, cursors } = follow;
  const name = sha256Hex(canonicalize(filters)).slice(0, 32);
  const cursor = cursors.get(relay, name);
  const since = cursor === null ? null : Math.max(0, cursor - overlapOf(filters));
  const narrowed = filters.map((filter) => sinceFilter(filter, since));
  let newest = cursor ?? 0;
  let live = false;
  let waiting = 0;
  const lost = new AbortController();
  const over = AbortSignal.any([signal, lost.signal]);
  const handled: Promise<void>[] = [];
  const take = (event: VerifiedEvent): Promise<void> => {
    waiting += 1;
    if (waiting > LIMITS.relay_pending_events) connection.close("events came faster than they could be handled");
    const turn = follow.deliver(event, relay).then(() => {
      waiting -= 1;
      // A clock ahead of ours must not move the cursor past what others will still publish.
      newest = Math.max(newest, Math.min(event.created_at, Math.floor(Date.now() / 1_000)));
      if (live) cursors.set(relay, name, newest);
    });
    // Rejected, it ends the session, and the event comes again with the next one.
    turn.catch((error: unknown) => lost.abort(error));
    return turn;
  };

  const first: VerifiedEvent[] = [];
  let isStored = true;
  let stop = (): void => undefined;
  const caught = new Promise<void>((resolve, reject) => {
    over.addEventListener("abort", () => reject(over.reason), { once: true });
    if (over.aborted) reject(over.reason);
    stop = connection.request(narrowed, {
      event: (raw) => {
        const event = follow.check(raw);
        if (event === null) return;
        if (isStored) {
          first.push(event);
          handled.push(take(event));
        } else void take(event).catch(() => undefined);
      },
      eose: () => {
        isStored = false;
        resolve();
      },
      closed: (reason) =>
        lost.abort(new Fault("relay_unreachable", `the subscription ended: ${reason}`, { retryable: true })),
    });
  });
  try {
    await caught;
    for (const filter of narrowed) {
      for await (const event of olderPages(follow, connection, filter, first, over)) handled.push(take(event));
    }
    await Promise.all(handled);
    live = true;
    if (newest > 0) cursors.set(relay, name, newest);
    caughtUp();
    await ended(over);
  } finally {
    stop();
  }
}

/** A relay sends its newest first and only so many: the rest is asked for from the oldest that came. */
async function* olderPages(
  follow: Follow,
  connection: RelayConnection,
  filter: WireFilter,
  first: readonly VerifiedEvent[],
  over: AbortSignal,
): AsyncGenerator<VerifiedEvent> {
  if (filter.limit !== undefined || filter.ids !== undefined || first.length === 0) return;
  const known = new Set(first.map(({ id }) => id));
  let until = Math.min(...first.map(({ created_at }) => created_at));
  for (let page = 0; page < LIMITS.relay_pages; page += 1) {
    let fresh = 0;
    for (const event of await onePage(follow, connection, { ...filter, until }, over)) {
      until = Math.min(until, event.created_at);
      if (known.has(event.id)) continue;
      known.add(event.id);
      fresh += 1;
      yield event;
    }
    if (fresh === 0) return;
  }
}

function onePage(
  follow: Follow,
  connection: RelayConnection,
  filter: WireFilter,
  over: AbortSignal,
): Promise<readonly VerifiedEvent[]> {
  return new Promise((resolve, reject) => {
    const events: VerifiedEvent[] = [];
    const stop = connection.request([filter], {
      event: (raw) => {
        const event = follow.check(raw);
        if (event !== null) events.push(event);
      },
      eose: () => {
        stop();
        resolve(events);
      },
      closed: (reason) => reject(new Fault("relay_unreachable", `a page was not sent: ${reason}`, { retryable: true })),
    });
    over.addEventListener("abort", () => reject(over.reason), { once: true });
    if (over.aborted) reject(over.reason);
  });
}

/** Gift wraps are dated up to two days back (NIP-59), so what is new there can look old. */
function overlapOf(filters: readonly WireFilter[]): number {
  const wraps = filters.some(({ kinds }) => kinds === undefined || kinds.includes(KINDS.gift_wrap.kind));
  return wraps ? LIMITS.relay_overlap_wraps_s : LIMITS.relay_overlap_s;
}

function sinceFilter(filter: WireFilter, since: number | null): WireFilter {
  return since === null ? filter : { ...filter, since: Math.max(filter.since ?? 0, since) };
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
