import { LIMITS } from "@oa/shared/core/limits.ts";
import { assertNever, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS, refuseKind, tagValue } from "@oa/shared/nostr/kinds.ts";
import { shardOfEvent, shardOfKey } from "@oa/shared/nostr/relay-shard.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { type Connection, setSubscription } from "./connection.ts";
import { liveFrames, missedFrames, sentTooMuch } from "./deliveries.ts";
import { askWho, type SessionContext } from "./exchange.ts";
import { countAcross, findAcross } from "./fan-out.ts";
import { type ClientMessage, frames, nostrReason, refusalFrame } from "./protocol.ts";
import type { Answer } from "./replies.ts";
import { refuseSealed } from "./sealed.ts";
import { catchUp, newSubscription, type Subscription } from "./subscription.ts";
import { handleSync } from "./sync.ts";

type Said<V extends ClientMessage["verb"]> = Extract<ClientMessage, { readonly verb: V }>;

/** Handles one message: what it asks of shards is gathered in the context's tasks. */
export function handleMessage(context: SessionContext, connection: Connection, message: ClientMessage): Answer {
  switch (message.verb) {
    case "EVENT":
      return publish(context, connection, message);
    case "AUTH":
      return authenticate(context, connection, message);
    case "REQ":
    case "COUNT": {
      const sealed = refuseSealed(message.filters, connection.keys);
      if (sealed !== null) return askWho(context, connection, sealed, refusalFrame(message, sealed));
      const { subscription, filters } = message;
      return message.verb === "REQ"
        ? subscribe(context, connection, subscription, filters)
        : count(context, connection, subscription, filters);
    }
    case "CLOSE":
      setSubscription(connection, message.subscription, null);
      context.save(connection, message.subscription);
      return [];
    case "NEG-OPEN":
    case "NEG-MSG":
    case "NEG-CLOSE":
      return handleSync(context, connection, message);
    case "REFUSED":
      return [refusalFrame(message, message.rejection)];
    default:
      return assertNever(message);
  }
}

function closed(subscription: string, rejection: Rejection): readonly string[] {
  return [frames.closed(subscription, nostrReason(rejection))];
}

/** It waits for new events from now on; they are told after what is stored. */
function subscribe(
  context: SessionContext,
  connection: Connection,
  id: string,
  filters: readonly NostrFilter[],
): Answer {
  const { subscriptions } = connection;
  const subscription = newSubscription(filters);
  const refusal = refuseMore(context, connection, id, subscription);
  if (refusal !== null) return closed(id, refusal);
  setSubscription(connection, id, subscription);
  const close = (): void => {
    setSubscription(connection, id, null);
    context.save(connection, id);
  };
  try {
    context.save(connection, id);
  } catch (error) {
    close(); // what the client is told is not open must not be
    throw error;
  }
  return findAcross(context.tasks, filters, connection.keys, true, context.room).then((found) => () => {
    const isOpen = subscriptions.get(id) === subscription;
    const end = (rejection: Rejection): readonly string[] => {
      if (isOpen) close();
      return closed(id, rejection);
    };
    if (isRejection(found)) return end(found);
    context.room.give(found.held);
    const meanwhile = isOpen ? catchUp(id, subscription, found.marks) : [];
    if (meanwhile === null) {
      return end(reject("busy", "some of what was published during this answer did not arrive: ask again"));
    }
    const told = [...found.raws.map((raw) => frames.event(id, raw)), frames.eose(id), ...meanwhile];
    const chars = told.reduce((sum, { length }) => sum + length, 0);
    return context.maySend(connection, chars) ? told : end(sentTooMuch());
  });
}

/** Why a client may not open one more subscription. Refusal: rate_limited. */
function refuseMore(
  context: SessionContext,
  { subscriptions, filter_chars }: Connection,
  id: string,
  { chars }: Subscription,
): Rejection | null {
  if (!subscriptions.has(id) && subscriptions.size >= LIMITS.relay_subscriptions) {
    return reject("rate_limited", `one connection has at most ${LIMITS.relay_subscriptions} subscriptions`);
  }
  const more = chars - (subscriptions.get(id)?.chars ?? 0);
  if (filter_chars + more > LIMITS.relay_filter_chars) {
    return reject("rate_limited", `the filters of one connection have at most ${LIMITS.relay_filter_chars} characters`);
  }
  let all = more;
  for (const each of context.connections()) all += each.filter_chars;
  if (all <= LIMITS.relay_filters_chars) return null;
  return reject("rate_limited", "the relay has no room for more filters at present: ask for less, or later");
}

function count(context: SessionContext, connection: Connection, id: string, filters: readonly NostrFilter[]): Answer {
  return countAcross(context.tasks, filters, connection.keys).then(
    (counted) => () =>
      isRejection(counted) ? closed(id, counted) : [frames.count(id, counted.count, counted.approximate)],
  );
}

/** Stores an event if this client may publish it here. */
function publish(context: SessionContext, connection: Connection, message: Said<"EVENT">): Answer {
  const event = verifyEvent(message.event, context.schnorr);
  if (isRejection(event)) return [frames.ok(message.id, false, nostrReason(event))];
  const refusal = refuseKind(event) ?? refuseProtected(event, connection);
  if (refusal !== null) {
    return askWho(context, connection, refusal, frames.ok(event.id, false, nostrReason(refusal)));
  }
  const shard = shardOfEvent(event, context.tasks.count);
  // Its news may arrive before the answer, and is told after the OK; also where it is stored and nobody knows (see shardCalls).
  const { publishing } = connection;
  if (!publishing.has(event.id)) publishing.set(event.id, null);
  return context.tasks.ask<"store">(shard, { verb: "store", raw: JSON.stringify(event) }).then((stored) => () => {
    const live = publishing.get(event.id) ?? null;
    publishing.delete(event.id);
    // NIP-01: an event the relay already has counts as accepted.
    const ok = isRejection(stored)
      ? frames.ok(event.id, stored.code === "event_duplicate", nostrReason(stored))
      : frames.ok(event.id, true, "");
    return [ok, ...(live === null ? [] : liveFrames(connection, live, context))];
  });
}

/** NIP-70: an event with `-` is taken only from its author. */
function refuseProtected(event: VerifiedEvent, connection: Connection): Rejection | null {
  if (!event.tags.some(([name]) => name === "-") || connection.keys.has(event.pubkey)) return null;
  return connection.keys.size === 0
    ? reject("auth_required", "this event is protected: only its author may publish it, once authenticated")
    : reject("event_protected", "this event is protected: only its author may publish it");
}

/** NIP-42: the event names this connection's challenge and this relay's host, and is fresh. */
function authenticate(context: SessionContext, connection: Connection, message: Said<"AUTH">): Answer {
  const refuse = (rejection: Rejection): Answer => [frames.ok(message.id, false, nostrReason(rejection))];
  const event = verifyEvent(message.event, context.schnorr);
  if (isRejection(event)) return refuse(event);
  if (event.kind !== KINDS.relay_auth.kind) return refuse(reject("auth_invalid", "an AUTH event is of kind 22242"));
  if (connection.challenge === null || tagValue(event, "challenge") !== connection.challenge) {
    return refuse(reject("auth_invalid", "the AUTH event does not answer this connection's challenge"));
  }
  if (hostOf(tagValue(event, "relay")) !== connection.host) {
    return refuse(reject("auth_invalid", `the AUTH event is for another relay than ${connection.host}`));
  }
  if (Math.abs(event.created_at - context.now_ms / 1000) > LIMITS.nostr_auth_skew_s) {
    return refuse(reject("auth_stale", `the AUTH event is over ${LIMITS.nostr_auth_skew_s / 60} minutes off`));
  }
  const { keys } = connection;
  const accepted = [frames.ok(event.id, true, "")];
  if (keys.has(event.pubkey)) return accepted;
  if (keys.size >= LIMITS.relay_authenticated_keys) {
    return refuse(reject("rate_limited", `one connection has at most ${LIMITS.relay_authenticated_keys} keys`));
  }
  keys.add(event.pubkey);
  try {
    context.save(connection);
  } catch (error) {
    keys.delete(event.pubkey); // a refused key must not be able to read
    throw error;
  }
  if (connection.subscriptions.size === 0) return accepted;
  // Sealed events to this key are new to the subscriptions that are open: their shard must tell this door from now on.
  const { count } = context.tasks;
  const shard = shardOfKey(event.pubkey, count);
  const listen = { verb: "find", filters: [], reader: [], live: true } as const;
  return context.tasks.ask<"find">(shard, listen).then((listening) => () => {
    if (!isRejection(listening)) return accepted;
    // The key is proven all the same; who waits for what does not come asks again.
    return [...accepted, ...missedFrames(connection, { shard, count }, (id) => context.save(connection, id))];
  });
}

function hostOf(url: string | undefined): string | null {
  return /^wss?:\/\/([^/?#]+)/i.exec(url ?? "")?.[1]?.toLowerCase() ?? null;
}
