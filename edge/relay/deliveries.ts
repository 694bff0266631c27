import { matchesFilter } from "@oa/shared/nostr/filter.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import type { Connection } from "./connection.ts";
import { frames } from "./protocol.ts";
import { mayRead } from "./sealed.ts";

export interface Reply {
  readonly socket: WebSocket;
  readonly frame: string;
}

/** New events for the subscriptions that wait for them. */
export function deliveries(
  connections: ReadonlyMap<WebSocket, Connection>,
  events: readonly NostrEvent[],
): readonly Reply[] {
  if (events.length === 0) return [];
  const replies: Reply[] = [];
  const raw = new Map<NostrEvent, string>();
  for (const [socket, { subscriptions, keys }] of connections) {
    for (const [subscription, filters] of subscriptions) {
      // A search is answered from what is stored: a new event has no rank yet.
      const live = filters.filter(({ search }) => search === undefined);
      for (const event of events) {
        if (!live.some((filter) => matchesFilter(filter, event)) || !mayRead(event, keys)) continue;
        const text = raw.get(event) ?? JSON.stringify(event);
        raw.set(event, text);
        replies.push({ socket, frame: frames.event(subscription, text) });
      }
    }
  }
  return replies;
}
