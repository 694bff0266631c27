import { LIMITS } from "@oa/shared/core/limits.ts";
import { assertNever, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { answerSync, syncSet } from "@oa/shared/nostr/negentropy.ts";
import type { Connection, SyncSession } from "./connection.ts";
import { askWho, type SessionContext } from "./exchange.ts";
import { itemsAcross } from "./fan-out.ts";
import { frames, nostrReason, type SyncMessage } from "./protocol.ts";
import type { Answer } from "./replies.ts";
import { refuseSealed } from "./sealed.ts";

/** One message of a comparison (NIP-77). Nothing of it is kept when this object sleeps: the other side begins again. */
export function handleSync(context: SessionContext, connection: Connection, message: SyncMessage): Answer {
  switch (message.verb) {
    case "NEG-OPEN":
      return open(context, connection, message);
    case "NEG-MSG": {
      const session = connection.syncs.get(message.subscription);
      // When it is its turn: the comparison may still be opening.
      const continued = (): readonly string[] => {
        if (session === undefined || session.set === null) {
          return [frames.syncError(message.subscription, "closed: this comparison is over: begin again")];
        }
        session.used_at_ms = context.now_ms;
        return say(connection, message.subscription, answerSync(session.set, message.message));
      };
      return Promise.resolve(continued);
    }
    case "NEG-CLOSE":
      connection.syncs.delete(message.subscription);
      return [];
    default:
      return assertNever(message);
  }
}

function open(
  context: SessionContext,
  connection: Connection,
  { subscription, filter, message }: Extract<SyncMessage, { readonly verb: "NEG-OPEN" }>,
): Answer {
  const failed = (rejection: Rejection): readonly string[] => [frames.syncError(subscription, nostrReason(rejection))];
  const sealed = refuseSealed([filter], connection.keys);
  if (sealed !== null) return askWho(context, connection, sealed, failed(sealed).join());
  connection.syncs.delete(subscription);
  const held_events = Math.min(filter.limit ?? LIMITS.sync_events, LIMITS.sync_events);
  const refusal = refuseMore(context, connection, held_events);
  if (refusal !== null) return failed(refusal);
  const session: SyncSession = { set: null, held_events, used_at_ms: context.now_ms };
  connection.syncs.set(subscription, session);
  return itemsAcross(context.tasks, filter, connection.keys).then((items) => () => {
    if (connection.syncs.get(subscription) !== session) return []; // closed, or opened anew, meanwhile
    if (isRejection(items)) {
      connection.syncs.delete(subscription);
      return failed(items);
    }
    session.set = syncSet(items);
    session.held_events = session.set.size;
    return say(connection, subscription, answerSync(session.set, message));
  });
}

/** Why a client may not begin one more comparison, of so many events at most. Refusals: rate_limited, sync_too_large. */
function refuseMore(context: SessionContext, connection: Connection, events: number): Rejection | null {
  const open = openSyncs(context.connections(), context.now_ms);
  if (connection.syncs.size >= LIMITS.sync_sessions_per_connection || open.count >= LIMITS.sync_sessions) {
    return reject("rate_limited", "too many comparisons are under way: try again later");
  }
  const room = Math.max(0, LIMITS.sync_held_events - open.held_events);
  if (events <= room) return null;
  return reject("sync_too_large", `there is room for comparing ${room} events at present: give a limit, or ask later`);
}

function say(connection: Connection, subscription: string, answer: string | Rejection): readonly string[] {
  if (!isRejection(answer)) return [frames.sync(subscription, answer)];
  connection.syncs.delete(subscription);
  return [frames.syncError(subscription, nostrReason(answer))];
}

/** The comparisons that are under way; those that were left alone are forgotten. */
function openSyncs(connections: Iterable<Connection>, now_ms: number): { count: number; held_events: number } {
  const open = { count: 0, held_events: 0 };
  for (const { syncs } of connections) {
    for (const [id, { used_at_ms, held_events }] of syncs) {
      if (now_ms - used_at_ms > LIMITS.sync_idle_ms) syncs.delete(id);
      else {
        open.count += 1;
        open.held_events += held_events;
      }
    }
  }
  return open;
}
