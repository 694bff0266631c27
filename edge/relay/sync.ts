import { LIMITS } from "@oa/shared/core/limits.ts";
import { assertNever, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { answerSync, syncSet } from "@oa/shared/nostr/negentropy.ts";
import type { Connection } from "./connection.ts";
import { askWho, type Outcome, type SessionContext } from "./exchange.ts";
import { frames, nostrReason, type SyncMessage } from "./protocol.ts";
import { syncItems } from "./query.ts";
import { refuseSealed } from "./sealed.ts";

/** One message of a comparison (NIP-77). Nothing of it is kept when this object sleeps: the other side begins again. */
export function handleSync(context: SessionContext, connection: Connection, message: SyncMessage): Outcome {
  switch (message.verb) {
    case "NEG-OPEN":
      return open(context, connection, message);
    case "NEG-MSG": {
      const session = connection.syncs.get(message.subscription);
      if (session === undefined) {
        return { replies: [frames.syncError(message.subscription, "closed: this comparison is over: begin again")] };
      }
      session.used_at_ms = context.now_ms;
      return say(connection, message.subscription, answerSync(session.set, message.message));
    }
    case "NEG-CLOSE":
      connection.syncs.delete(message.subscription);
      return { replies: [] };
    default:
      return assertNever(message);
  }
}

function open(
  context: SessionContext,
  connection: Connection,
  { subscription, filter, message }: Extract<SyncMessage, { readonly verb: "NEG-OPEN" }>,
): Outcome {
  const failed = (rejection: Rejection): string => frames.syncError(subscription, nostrReason(rejection));
  const sealed = refuseSealed([filter], connection.keys);
  if (sealed !== null) return askWho(context, connection, sealed, failed(sealed));
  connection.syncs.delete(subscription);
  if (connection.syncs.size >= LIMITS.sync_sessions_per_connection || context.openSyncs() >= LIMITS.sync_sessions) {
    return { replies: [failed(reject("rate_limited", "too many comparisons are under way: try again later"))] };
  }
  const items = syncItems(context.sql, filter, connection.keys, Math.floor(context.now_ms / 1000));
  if (isRejection(items)) return { replies: [failed(items)] };
  const set = syncSet(items);
  connection.syncs.set(subscription, { set, used_at_ms: context.now_ms });
  return say(connection, subscription, answerSync(set, message));
}

function say(connection: Connection, subscription: string, answer: string | Rejection): Outcome {
  if (!isRejection(answer)) return { replies: [frames.sync(subscription, answer)] };
  connection.syncs.delete(subscription);
  return { replies: [frames.syncError(subscription, nostrReason(answer))] };
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
