import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { shardsOfFilter } from "@oa/shared/nostr/relay-shard.ts";
import { type Connection, setSubscription } from "./connection.ts";
import { frames, nostrReason } from "./protocol.ts";
import { mayRead } from "./sealed.ts";
import { isWaitedFor, type LiveEvent, liveFrame } from "./subscription.ts";

/** What telling clients of new events may use. */
export interface Telling {
  /** Whether a client may be sent so many characters more. */
  readonly maySend: (connection: Connection, chars: number) => boolean;
  /** Writes down what of a connection must survive hibernation. `changed`: the subscription that is closed. */
  readonly save: (connection: Connection, changed: string) => void;
}

/** New events for the subscriptions that wait for them; one that the client itself publishes comes after its OK. */
export function deliver(
  connections: ReadonlyMap<WebSocket, Connection>,
  events: readonly LiveEvent[],
  tellingOf: (socket: WebSocket) => Telling,
  send: (socket: WebSocket, frame: string) => void,
): void {
  for (const [socket, connection] of connections) {
    if (connection.subscriptions.size === 0) continue;
    for (const live of events) {
      if (connection.publishing.has(live.event.id)) connection.publishing.set(live.event.id, live);
      else for (const frame of liveFrames(connection, live, tellingOf(socket))) send(socket, frame);
    }
  }
}

/**
 * What a client is told of a new event: a frame for each of its subscriptions that waits for it. One that would be sent too
 * much is closed.
 */
export function liveFrames(connection: Connection, live: LiveEvent, { maySend, save }: Telling): readonly string[] {
  const told: string[] = [];
  for (const [id, subscription] of connection.subscriptions) {
    if (!isWaitedFor(subscription, live.event) || !mayRead(live.event, connection.keys)) continue;
    const frame = liveFrame(id, subscription, live);
    if (frame === null) continue;
    if (maySend(connection, frame.length)) told.push(frame);
    else {
      setSubscription(connection, id, null);
      save(connection, id);
      told.push(frames.closed(id, nostrReason(sentTooMuch())));
    }
  }
  return told;
}

/** The refusal to whom too much was sent. */
export function sentTooMuch(): Rejection {
  return reject("rate_limited", "your address was sent very much of late: ask for less, or later");
}

/**
 * Of one of `count` shards new events did not arrive: subscriptions that may have waited for them are closed, so that
 * their clients ask again; those that are being answered, when their turn comes. `save`: of a connection that has changed.
 */
export function closeMissed(
  connections: ReadonlyMap<WebSocket, Connection>,
  { shard, count }: { readonly shard: number; readonly count: number },
  send: (socket: WebSocket, frame: string) => void,
  save: (socket: WebSocket, connection: Connection, changed: string) => void,
): void {
  for (const [socket, connection] of connections) {
    const told = missedFrames(connection, { shard, count }, (id) => save(socket, connection, id));
    for (const frame of told) send(socket, frame);
  }
}

/** Closes those subscriptions of one client; the frames that tell it so. */
export function missedFrames(
  connection: Connection,
  { shard, count }: { readonly shard: number; readonly count: number },
  save: (changed: string) => void,
): readonly string[] {
  const closed: string[] = [];
  for (const [id, subscription] of connection.subscriptions) {
    const isLive = subscription.filters.some(
      (filter) => filter.search === undefined && shardsOfFilter(filter, count, connection.keys).includes(shard),
    );
    if (!isLive) continue;
    if (subscription.waiting !== null) subscription.missed = true;
    else closed.push(id);
  }
  const reason = nostrReason(reject("busy", "some new events did not arrive: ask again"));
  return closed.map((id) => {
    setSubscription(connection, id, null);
    save(id);
    return frames.closed(id, reason);
  });
}
