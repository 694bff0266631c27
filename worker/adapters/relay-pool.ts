import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { type NostrEvent, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { matchFilter } from "nostr-tools/filter";
import { throwIfCanceled } from "./canceled.ts";
import { connectRelay, type RelayAddresses, type RelayConnection, type SignAuth } from "./relay-connection.ts";
import { type CursorStore, type Delivery, followRelay } from "./relay-subscription.ts";

/** One relay's answer to an event: `message` is a sentence where it was not accepted. */
export interface RelayAnswer {
  readonly relay: string;
  readonly accepted: boolean;
  readonly message: string;
}

export interface Subscription {
  readonly relays: readonly string[];
  readonly filters: readonly WireFilter[];
  /** Where each relay was left off; kept for this call alone where absent. */
  readonly since?: CursorStore;
  /** Once per event, one at a time, whichever relay brought it. A throw makes that relay send it again later. */
  readonly on_event: (event: VerifiedEvent, relay: string) => void | Promise<void>;
}

/**
 * Relays as one: every event that comes in is verified once, every relay answers for itself, and one that cannot be
 * reached is an answer and not an error. NIP-01; NIP-42 where a signer is given.
 */
export interface RelayPool {
  readonly publish: (
    event: NostrEvent,
    relays: readonly string[],
    options: { readonly timeout_ms: number; readonly signal: AbortSignal },
  ) => Promise<readonly RelayAnswer[]>;
  /** Until the signal aborts; a lost relay is tried again, later each time. */
  readonly subscribe: (request: Subscription, signal: AbortSignal) => void;
  /**
   * What the relays have stored, each event once. Where some answer, theirs is the result. Faults: relay_unreachable
   * where none does, canceled.
   */
  readonly query: (
    relays: readonly string[],
    filters: readonly WireFilter[],
    options: { readonly timeout_ms: number; readonly signal: AbortSignal },
  ) => Promise<readonly VerifiedEvent[]>;
  readonly close: () => void;
}

export interface RelayPoolOptions {
  readonly schnorr: SchnorrVerify;
  readonly signAuth?: SignAuth;
  /** Where relays may be; anywhere the system's look-up says where absent. */
  readonly addresses?: RelayAddresses;
  readonly log?: (message: string) => void;
}

/** Whether an event is what one of the filters asks for; `search` is the relay's own judgement. */
function isWanted(filters: readonly WireFilter[], event: VerifiedEvent): boolean {
  return filters.some((filter) =>
    matchFilter(filter as Parameters<typeof matchFilter>[0], event as unknown as Parameters<typeof matchFilter>[1]),
  );
}

export function openRelayPool(options: RelayPoolOptions): RelayPool {
  const closing = new AbortController();
  const connections = new Map<string, Promise<RelayConnection>>();
  const { log = () => undefined } = options;

  /** Everybody who talks to a relay shares one connection; a failed or ended one is not kept. */
  const connect = async (url: string, signal: AbortSignal): Promise<RelayConnection> => {
    const known = connections.get(url);
    if (known !== undefined) {
      const connection = await known.catch(() => null);
      if (connection?.isOpen() === true) return connection;
      if (connections.get(url) === known) connections.delete(url);
    }
    throwIfCanceled(signal, `connecting to ${url}`);
    const shared = connections.get(url) ?? open(url);
    connections.set(url, shared);
    return await abandon(shared, signal, url);
  };
  const open = (url: string): Promise<RelayConnection> => {
    const made = connectRelay(url, {
      ...{ signAuth: options.signAuth, addresses: options.addresses },
      ...{ signal: closing.signal, timeout_ms: LIMITS.relay_connect_ms },
    });
    made.catch(() => connections.get(url) === made && connections.delete(url));
    return made;
  };
  const verified = (raw: unknown, filters: readonly WireFilter[], url: string): VerifiedEvent | null => {
    const event = verifyEvent(raw, options.schnorr);
    if (isRejection(event)) {
      log(`${url} sent an event that is refused: ${event.message}`);
      return null;
    }
    return isWanted(filters, event) ? event : null;
  };

  return {
    publish: (event, relays, limits) =>
      Promise.all(
        [...new Set(relays)].map(async (relay) => {
          const signal = AbortSignal.any([limits.signal, deadline(relay, limits.timeout_ms)]);
          try {
            const connection = await connect(relay, signal);
            const answer = await connection.publish(event, signal);
            // It may be dead without a sign: the next attempt is to make a new one.
            if (signal.aborted && !limits.signal.aborted) connection.close("it did not answer");
            return { relay, ...answer };
          } catch (error) {
            return { relay, accepted: false, message: sentenceOf(error) };
          }
        }),
      ),
    subscribe: (request, signal) => {
      const until = AbortSignal.any([signal, closing.signal]);
      const seen = new Set<string>();
      let tail: Promise<void> = Promise.resolve();
      const deliver: Delivery = (event, relay) => {
        const turn = tail.then(async () => {
          // Not handled: a cursor must not move past it.
          throwIfCanceled(until, "listening");
          if (seen.has(event.id)) return;
          await request.on_event(event, relay);
          seen.add(event.id);
          if (seen.size > LIMITS.relay_seen) for (const oldest of seen) return void seen.delete(oldest);
        });
        tail = turn.catch(() => undefined);
        return turn;
      };
      const cursors = request.since ?? memoryCursors();
      for (const relay of new Set(request.relays)) {
        const check = (raw: unknown) => verified(raw, request.filters, relay);
        const follow = { relay, filters: request.filters, cursors, check, deliver, log };
        void followRelay(follow, () => connect(relay, until), until);
      }
    },
    query: async (relays, filters, limits) => {
      throwIfCanceled(limits.signal, "asking relays");
      const found = new Map<string, VerifiedEvent>();
      const failures = await Promise.all(
        [...new Set(relays)].map(async (relay) => {
          const signal = AbortSignal.any([limits.signal, deadline(relay, limits.timeout_ms)]);
          try {
            const connection = await connect(relay, signal);
            for (const raw of await stored(connection, filters, signal)) {
              const event = verified(raw, filters, relay);
              if (event !== null) found.set(event.id, event);
            }
            return null;
          } catch (error) {
            return sentenceOf(error);
          }
        }),
      );
      throwIfCanceled(limits.signal, "asking relays");
      if (found.size === 0 && failures.length > 0 && !failures.includes(null)) {
        throw new Fault("relay_unreachable", failures.join("; "), { retryable: true });
      }
      return [...found.values()];
    },
    close: () => {
      closing.abort();
      for (const connection of connections.values()) {
        connection.then(
          (open) => open.close("the worker is closing"),
          () => undefined,
        );
      }
      connections.clear();
    },
  };
}

/** The stored events until the relay says that there are no more. What came before the signal is kept. */
function stored(
  connection: RelayConnection,
  filters: readonly WireFilter[],
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const events: unknown[] = [];
    const finish = (failure: Fault | null): void => {
      signal.removeEventListener("abort", onAbort);
      stop();
      if (failure === null || events.length > 0) resolve(events);
      else reject(failure);
    };
    const onAbort = (): void =>
      finish(signal.reason instanceof Fault ? signal.reason : new Fault("canceled", "asking relays was canceled"));
    let stop = (): void => undefined;
    stop = connection.request(filters, {
      event: (raw) => {
        events.push(raw);
        if (events.length >= LIMITS.relay_query_events) finish(null);
      },
      eose: () => finish(null),
      closed: (reason) =>
        finish(new Fault("relay_refused", `the relay ended the query: ${reason}`, { retryable: true })),
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

function memoryCursors(): CursorStore {
  const cursors = new Map<string, number>();
  return {
    get: (relay, subscription) => cursors.get(`${subscription} ${relay}`) ?? null,
    set: (relay, subscription, created_at) => void cursors.set(`${subscription} ${relay}`, created_at),
  };
}

/** Aborts with a sentence that names the relay. */
function deadline(relay: string, timeout_ms: number): AbortSignal {
  const controller = new AbortController();
  const fault = new Fault("relay_unreachable", `${relay} did not answer within ${timeout_ms} ms`, { retryable: true });
  setTimeout(() => controller.abort(fault), timeout_ms).unref();
  return controller.signal;
}

/** Stops waiting for a connection that others may still be waiting for. */
function abandon(shared: Promise<RelayConnection>, signal: AbortSignal, url: string): Promise<RelayConnection> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      try {
        throwIfCanceled(signal, `connecting to ${url}`);
      } catch (error) {
        reject(error);
      }
    };
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    shared.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
