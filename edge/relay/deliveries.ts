import { reject } from "@oa/shared/core/refusal.ts";
import { shardsOfFilter } from "@oa/shared/nostr/relay-shard.ts";
import { type Connection, setSubscription } from "./connection.ts";
import { frames, nostrReason } from "./protocol.ts";
import { mayRead } from "./sealed.ts";
import { isWaitedFor, type LiveEvent, liveFrame } from "./subscription.ts";

/** New events for the subscriptions that wait for them; one that the client itself publishes comes after its OK. */
export function deliver(
  connections: ReadonlyMap<WebSocket, Connection>,
  events: readonly LiveEvent[],
  send: (socket: WebSocket, frame: string) => void,
): void {
  for (const [socket, connection] of connections) {
    if (connection.subscriptions.size === 0) continue;
    for (const live of events) {
      if (connection.publishing.has(live.event.id)) connection.publishing.set(live.event.id, live);
      else for (const frame of liveFrames(connection, live)) send(socket, frame);
    }
  }
}

/** What a client is told of a new event: a frame for each of its subscriptions that waits for it. */
export function liveFrames({ subscriptions, keys }: Connection, live: LiveEvent): readonly string[] {
  const told: string[] = [];
  for (const [id, subscription] of subscriptions) {
    if (!isWaitedFor(subscription, live.event) || !mayRead(live.event, keys)) continue;
    const frame = liveFrame(id, subscription, live);
    if (frame !== null) told.push(frame);
  }
  return told;
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
