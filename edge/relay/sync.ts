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
      return Promise.resolve({ frames: continued });
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
  if (connection.syncs.size >= LIMITS.sync_sessions_per_connection || context.openSyncs() >= LIMITS.sync_sessions) {
    return failed(reject("rate_limited", "too many comparisons are under way: try again later"));
  }
  const session: SyncSession = { set: null, used_at_ms: context.now_ms };
  connection.syncs.set(subscription, session);
  return itemsAcross(context.tasks, filter, connection.keys).then((items) => ({
    frames: () => {
      if (connection.syncs.get(subscription) !== session) return []; // closed, or opened anew, meanwhile
      if (isRejection(items)) {
        connection.syncs.delete(subscription);
        return failed(items);
      }
      session.set = syncSet(items);
      return say(connection, subscription, answerSync(session.set, message));
    },
  }));
}

function say(connection: Connection, subscription: string, answer: string | Rejection): readonly string[] {
  if (!isRejection(answer)) return [frames.sync(subscription, answer)];
  connection.syncs.delete(subscription);
  return [frames.syncError(subscription, nostrReason(answer))];
}

/** How many comparisons are under way; those that were left alone are forgotten. */
export function openSyncs(connections: Iterable<Connection>, now_ms: number): number {
  let open = 0;
  for (const { syncs } of connections) {
    for (const [id, { used_at_ms }] of syncs) {
      if (now_ms - used_at_ms > LIMITS.sync_idle_ms) syncs.delete(id);
      else open += 1;
    }
  }
  return open;
}
