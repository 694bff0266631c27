import { reject } from "@oa/shared/core/refusal.ts";
import { shardsOfFilter } from "@oa/shared/nostr/relay-shard.ts";
import type { Connection } from "./connection.ts";
import { frames, nostrReason } from "./protocol.ts";
import { mayRead } from "./sealed.ts";
import { isWaitedFor, type LiveEvent, liveFrame } from "./subscription.ts";

/** New events for the subscriptions that wait for them. */
export function deliver(
  connections: ReadonlyMap<WebSocket, Connection>,
  events: readonly LiveEvent[],
  send: (socket: WebSocket, frame: string) => void,
): void {
  for (const [socket, { subscriptions, keys }] of connections) {
    for (const [id, subscription] of subscriptions) {
      for (const live of events) {
        if (!isWaitedFor(subscription, live.event) || !mayRead(live.event, keys)) continue;
        const frame = liveFrame(id, subscription, live);
        if (frame !== null) send(socket, frame);
      }
    }
  }
}

/**
 * Of one of `count` shards new events did not arrive: subscriptions that may have waited for them are closed, so that
 * their clients ask again; those that are being answered, when their turn comes. `save`: of a connection that has changed.
 */
export function closeMissed(
  connections: ReadonlyMap<WebSocket, Connection>,
  { shard, count }: { readonly shard: number; readonly count: number },
  send: (socket: WebSocket, frame: string) => void,
  save: (socket: WebSocket, connection: Connection) => void,
): void {
  const reason = nostrReason(reject("busy", "some new events did not arrive: ask again"));
  for (const [socket, connection] of connections) {
    const { subscriptions, keys } = connection;
    const closed: string[] = [];
    for (const [id, subscription] of subscriptions) {
      const isLive = subscription.filters.some(
        (filter) => filter.search === undefined && shardsOfFilter(filter, count, keys).includes(shard),
      );
      if (!isLive) continue;
      if (subscription.waiting !== null) subscription.missed = true;
      else closed.push(id);
    }
    if (closed.length === 0) continue;
    for (const id of closed) subscriptions.delete(id);
    save(socket, connection);
    for (const id of closed) send(socket, frames.closed(id, reason));
  }
}
