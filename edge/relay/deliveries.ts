import type { Connection } from "./connection.ts";
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
