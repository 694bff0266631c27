import { LIMITS } from "@oa/shared/core/limits.ts";
import { assertNever, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { KINDS, refuseKind, tagValue } from "@oa/shared/nostr/kinds.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import type { Connection } from "./connection.ts";
import { askWho, type Outcome, type SessionContext } from "./exchange.ts";
import { type ClientMessage, frames, nostrReason, refusalFrame } from "./protocol.ts";
import { countEvents, queryEvents } from "./query.ts";
import { refuseSealed } from "./sealed.ts";
import { handleSync } from "./sync.ts";

/** Handles one message that is not an EVENT, inside the batch's transaction. */
export function handleMessage(
  context: SessionContext,
  connection: Connection,
  message: Exclude<ClientMessage, { readonly verb: "EVENT" }>,
): Outcome {
  const now_s = Math.floor(context.now_ms / 1000);
  switch (message.verb) {
    case "AUTH":
      return authenticate(context, connection, message, now_s);
    case "REQ": {
      const { subscription, filters } = message;
      const sealed = refuseSealed(filters, connection.keys);
      if (sealed !== null) return askWho(context, connection, sealed, refusalFrame(message, sealed));
      if (!connection.subscriptions.has(subscription) && connection.subscriptions.size >= LIMITS.relay_subscriptions) {
        return closed(
          subscription,
          reject("rate_limited", `one connection has at most ${LIMITS.relay_subscriptions} subscriptions`),
        );
      }
      connection.subscriptions.set(subscription, filters);
      const events = queryEvents(context.sql, filters, connection.keys, now_s).map((raw) =>
        frames.event(subscription, raw),
      );
      return { replies: [...events, frames.eose(subscription)], changed: true };
    }
    case "COUNT": {
      const sealed = refuseSealed(message.filters, connection.keys);
      if (sealed !== null) return askWho(context, connection, sealed, refusalFrame(message, sealed));
      const counted = countEvents(context.sql, message.filters, connection.keys, now_s);
      if (isRejection(counted)) return closed(message.subscription, counted);
      return { replies: [frames.count(message.subscription, counted.count, counted.approximate)] };
    }
    case "CLOSE":
      connection.subscriptions.delete(message.subscription);
      return { replies: [], changed: true };
    case "NEG-OPEN":
    case "NEG-MSG":
    case "NEG-CLOSE":
      return handleSync(context, connection, message);
    case "REFUSED":
      return { replies: [refusalFrame(message, message.rejection)] };
    default:
      return assertNever(message);
  }
}

function closed(subscription: string, rejection: Rejection): Outcome {
  return { replies: [frames.closed(subscription, nostrReason(rejection))] };
}

interface Carried {
  readonly event: unknown;
  readonly id: string;
}

/** The event of an EVENT message if this client may store it here, else the answer it gets. */
export function admit(
  context: SessionContext,
  connection: Connection,
  message: Carried,
): { readonly admitted: VerifiedEvent } | Outcome {
  const event = verifyEvent(message.event, context.schnorr);
  if (isRejection(event)) return { replies: [frames.ok(message.id, false, nostrReason(event))] };
  const refusal = refuseKind(event) ?? refuseProtected(event, connection);
  if (refusal !== null) {
    return askWho(context, connection, refusal, frames.ok(event.id, false, nostrReason(refusal)));
  }
  return { admitted: event };
}

/** The answer to an admitted event, by what storing it said. */
export function storedReply(event: VerifiedEvent, rejection: Rejection | null): string {
  if (rejection === null) return frames.ok(event.id, true, "");
  // NIP-01: an event the relay already has counts as accepted.
  return frames.ok(event.id, rejection.code === "event_duplicate", nostrReason(rejection));
}

/** NIP-70: an event with `-` is taken only from its author. */
function refuseProtected(event: VerifiedEvent, connection: Connection): Rejection | null {
  if (!event.tags.some(([name]) => name === "-") || connection.keys.has(event.pubkey)) return null;
  return connection.keys.size === 0
    ? reject("auth_required", "this event is protected: only its author may publish it, once authenticated")
    : reject("event_protected", "this event is protected: only its author may publish it");
}

/** NIP-42: the event names this connection's challenge and this relay's host, and is fresh. */
function authenticate(context: SessionContext, connection: Connection, message: Carried, now_s: number): Outcome {
  const refuse = (rejection: Rejection): Outcome => ({
    replies: [frames.ok(message.id, false, nostrReason(rejection))],
  });
  const event = verifyEvent(message.event, context.schnorr);
  if (isRejection(event)) return refuse(event);
  if (event.kind !== KINDS.relay_auth.kind) return refuse(reject("auth_invalid", "an AUTH event is of kind 22242"));
  if (connection.challenge === null || tagValue(event, "challenge") !== connection.challenge) {
    return refuse(reject("auth_invalid", "the AUTH event does not answer this connection's challenge"));
  }
  if (hostOf(tagValue(event, "relay")) !== connection.host) {
    return refuse(reject("auth_invalid", `the AUTH event is for another relay than ${connection.host}`));
  }
  if (Math.abs(event.created_at - now_s) > LIMITS.nostr_auth_skew_s) {
    return refuse(reject("auth_stale", `the AUTH event is over ${LIMITS.nostr_auth_skew_s / 60} minutes off`));
  }
  if (connection.keys.size >= LIMITS.relay_authenticated_keys) {
    return refuse(reject("rate_limited", `one connection has at most ${LIMITS.relay_authenticated_keys} keys`));
  }
  connection.keys.add(event.pubkey);
  return { replies: [frames.ok(event.id, true, "")], changed: true };
}

function hostOf(url: string | undefined): string | null {
  return /^wss?:\/\/([^/?#]+)/i.exec(url ?? "")?.[1]?.toLowerCase() ?? null;
}
