import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { ReasonCode } from "@oa/shared/core/reasons.ts";
import { assert, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { RelayManagementRequest } from "@oa/shared/generated/types.ts";
import { keptUntil } from "@oa/shared/nostr/expiration.ts";
import { type NostrFilter, parseFilter } from "@oa/shared/nostr/filter.ts";
import type { SyncItem } from "@oa/shared/nostr/negentropy.ts";
import type { RelayList } from "@oa/shared/nostr/relay-list.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { edgeSchnorr } from "../adapters/schnorr.ts";
import { type Caller, SPENT_AUTH_DDL, spendAuth } from "../adapters/spent-auth.ts";
import { catalogOf, type Env, moderationOf, reputationOf } from "../env.ts";
import { handOver, hasPending, isHandedOn, type Lane, type Taker } from "../ingest.ts";
import {
  type Connection,
  forgetConnection,
  newConnection,
  restoreConnection,
  saveConnection,
} from "../relay/connection.ts";
import { deliveries, type Reply } from "../relay/deliveries.ts";
import type { Outcome, SessionContext } from "../relay/exchange.ts";
import { manage, needsCases, type RelaySettings, settingsOf } from "../relay/management.ts";
import { type ClientMessage, frames, parseMessage, refusalFrame } from "../relay/protocol.ts";
import { queryEvents, syncItems } from "../relay/query.ts";
import { type Allowances, AUTHOR_RATE, connectionsFrom, limitedAddress, overRate, takeFrom } from "../relay/rates.ts";
import { admit, handleMessage, storedReply } from "../relay/session.ts";
import { createRelayTables, storeEvents, sweepExpired } from "../relay/store.ts";
import { openSyncs } from "../relay/sync.ts";
import { authorsAfter, foreignEvents, relayListsHere } from "../relay/upstream.ts";
import { createLaneTables, reputationLane } from "../reputation/lane.ts";

interface Waiting {
  readonly socket: WebSocket;
  readonly text: string;
}

interface Received {
  readonly socket: WebSocket;
  readonly message: ClientMessage;
}

interface Outcomes {
  readonly replies: Reply[];
  readonly accepted: VerifiedEvent[];
}

/**
 * The Nostr relay. Messages that arrive together are handled in order in one transaction, and their answers leave after
 * it: the storage's output gate holds them until what they acknowledge is durable.
 */
export class Relay extends DurableObject<Env> {
  readonly #sql;
  readonly #connections = new Map<WebSocket, Connection>();
  #queue: Waiting[] = [];
  #queued_chars = 0;
  #flushing = false;
  readonly #handing_over = new Set<Lane>();
  #alarm_ms: number | null = null;
  /** By address, and by author. Forgotten when this object sleeps, as those who wait are full again by then. */
  readonly #addresses: Allowances = new Map();
  readonly #authors: Allowances = new Map();

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    createRelayTables(this.#sql);
    createLaneTables(this.#sql);
    this.#sql.run(SPENT_AUTH_DDL);
    for (const socket of context.getWebSockets()) {
      this.#connections.set(socket, restoreConnection(this.#sql, socket));
    }
    const live = JSON.stringify([...this.#connections.values()].map(({ id }) => id));
    this.#sql.run("DELETE FROM relay_subscriptions WHERE connection NOT IN (SELECT value FROM json_each(?))", live);
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    context.blockConcurrencyWhile(async () => {
      this.#alarm_ms = await context.storage.getAlarm();
      if (hasPending(this.#sql)) this.#wake(Date.now());
    });
  }

  /** Upgrades to a WebSocket: the only request that reaches this object. */
  override async fetch(request: Request): Promise<Response> {
    if (this.#connections.size >= LIMITS.relay_connections) {
      return new Response("this relay has no room for another connection\n", { status: 503 });
    }
    const address = limitedAddress(request);
    if (
      address !== null &&
      connectionsFrom(this.#connections.values(), address) >= LIMITS.relay_connections_per_address
    ) {
      return new Response("your address has no room for another connection to this relay\n", { status: 429 });
    }
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const connection = newConnection(crypto.randomUUID(), new URL(request.url).host.toLowerCase(), address);
    this.#connections.set(server, connection);
    saveConnection(this.#sql, server, connection);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** For each list of filters, the stored events that meet any of them, as JSON. Only the edge itself asks so. */
  find(lists: readonly (readonly object[])[]): readonly (readonly string[])[] {
    const now_s = Math.floor(Date.now() / 1000);
    return lists.map((list) => {
      return queryEvents(this.#sql, list.map(asked), "edge", now_s);
    });
  }

  /** Stores an event that this edge itself signed, and tells who waits for it; null, or a sentence why not. */
  publishOwn(event: NostrEvent): string | null {
    // The edge signed it a moment ago, so it is checked no more than that.
    return this.#publish(event as VerifiedEvent)?.message ?? null;
  }

  /** Stores an event that another part of the edge verified; null where the relay has it now, or a sentence why not. */
  publishChecked(event: NostrEvent): string | null {
    const rejection = this.#publish(event as VerifiedEvent);
    return rejection === null || rejection.code === "event_duplicate" ? null : rejection.message;
  }

  #publish(event: VerifiedEvent): Rejection | null {
    return this.#store([event])[0] ?? null;
  }

  /** Stores events that did not come by a client's message, tells who waits for them and hands them on. */
  #store(events: readonly VerifiedEvent[]): readonly (Rejection | null)[] {
    let fresh: readonly VerifiedEvent[] = [];
    const stored = this.#sql.transaction(() => {
      const results = storeEvents(this.#sql, events, Math.floor(Date.now() / 1000));
      fresh = events.filter((_, index) => results[index] === null);
      this.#wakeFor(fresh);
      return results;
    });
    for (const { socket, frame } of deliveries(this.#connections, fresh)) this.#send(socket, frame);
    if (fresh.some(({ kind }) => isHandedOn(kind))) this.ctx.waitUntil(this.#handOver());
    return stored;
  }

  /**
   * Takes what another relay sent for a filter, as JSON: nobody has checked it yet. For each: null where it is new here,
   * else the code why it is not taken.
   */
  takeForeign(wire: object, events: string): readonly (ReasonCode | null)[] {
    const foreign = foreignEvents(asked(wire), JSON.parse(events), edgeSchnorr(), this.env.EXTERNAL_LISTINGS === "1");
    const checked = foreign.flatMap((event) => (isRejection(event) ? [] : [event]));
    const stored = this.#store(checked).values();
    return foreign.map((event) => (isRejection(event) ? event : (stored.next().value ?? null))?.code ?? null);
  }

  /** What is stored for a filter, for a comparison with another relay; null where it is too much. */
  comparable(wire: object): readonly SyncItem[] | null {
    const items = syncItems(this.#sql, asked(wire), "edge", Math.floor(Date.now() / 1000));
    return isRejection(items) ? null : items;
  }

  /** Authors of listings in the order of their keys, a page of them. */
  authorsAfter(pubkey: string): readonly string[] {
    return authorsAfter(this.#sql, pubkey);
  }

  /** Where authors of listings say they publish (NIP-65); `also`: addresses that count though they are not public. */
  relayLists(also: readonly string[]): readonly RelayList[] {
    return relayListsHere(this.#sql, also);
  }

  /** What its managers changed of what it says of itself. */
  settings(): RelaySettings {
    return settingsOf(this.#sql);
  }

  /** One management call (NIP-86) by a key that may make it: its result as JSON, or a sentence why not. */
  manage(
    caller: Caller,
    request: RelayManagementRequest,
  ): { readonly result: string } | { readonly error: string; readonly replayed: boolean } {
    const now_s = Math.floor(Date.now() / 1000);
    return this.#sql.transaction(() => {
      const replayed = spendAuth(this.#sql, caller, now_s);
      if (replayed !== null) return { error: replayed.message, replayed: true };
      const result = needsCases(request) ? [] : manage(this.#sql, request, now_s);
      // What a lifted ban brings back is handed on again.
      if (hasPending(this.#sql)) this.#wake(Date.now());
      if (isRejection(result)) return { error: result.message, replayed: false };
      return { result: JSON.stringify(result) };
    });
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message !== "string") {
      socket.send(frames.notice("invalid: this relay speaks text, not binary messages"));
      return;
    }
    if (this.#queued_chars + message.length > LIMITS.relay_queue_chars) {
      this.#answerBusy(socket, message);
      return;
    }
    this.#queue.push({ socket, text: message });
    this.#queued_chars += message.length;
    this.#schedule();
  }

  override webSocketClose(socket: WebSocket): void {
    this.#drop(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#drop(socket);
  }

  /** Finishes a hand-over that a crash or the catalog's absence interrupted, and removes what has expired. */
  override async alarm(): Promise<void> {
    this.#alarm_ms = null;
    const now_ms = Date.now();
    const next_s = sweepExpired(this.#sql, Math.floor(now_ms / 1000));
    if (next_s !== null) this.#wake(Math.max(next_s * 1000, now_ms + 1_000));
    await this.#handOver();
  }

  #schedule(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // A timer, not a microtask: what has already arrived shares the transaction.
    setTimeout(() => this.#flush(), 0);
  }

  #flush(): void {
    this.#flushing = false;
    const batch = this.#queue.splice(0, LIMITS.relay_batch);
    for (const { text } of batch) this.#queued_chars -= text.length;
    if (this.#queue.length > 0) this.#schedule();
    const messages = batch.map(({ socket, text }) => ({ socket, message: parseMessage(text) }));
    const { replies, accepted } = this.#commit(messages);
    for (const { socket, frame } of replies) this.#send(socket, frame);
    if (accepted.some(({ kind }) => isHandedOn(kind))) this.ctx.waitUntil(this.#handOver());
  }

  /** Handles messages in one transaction; where that fails, each in its own, so that one cannot fail the others. */
  #commit(messages: readonly Received[]): Outcomes {
    const outcomes: Outcomes = { replies: [], accepted: [] };
    try {
      this.#sql.transaction(() => {
        this.#handleAll(messages, outcomes);
        this.#wakeFor(outcomes.accepted);
      });
      return outcomes;
    } catch (error) {
      if (messages.length > 1) {
        const each = messages.map((message) => this.#commit([message]));
        return {
          replies: each.flatMap(({ replies }) => replies),
          accepted: each.flatMap(({ accepted }) => accepted),
        };
      }
      console.error("a message could not be handled", error);
      const rejection = reject("internal", "the relay could not do this: nothing was written, try again");
      return {
        replies: messages.map(({ socket, message }) => ({ socket, frame: refusalFrame(message, rejection) })),
        accepted: [],
      };
    }
  }

  /** In order; events that follow one another are stored together, before anything else is answered. */
  #handleAll(messages: readonly Received[], { replies, accepted }: Outcomes): void {
    const now_ms = Date.now();
    const context = this.#context(now_ms);
    let admitted: { readonly socket: WebSocket; readonly event: VerifiedEvent }[] = [];
    const store = (): void => {
      const stored: VerifiedEvent[] = [];
      const events = admitted.map(({ event }) => event);
      storeEvents(this.#sql, events, Math.floor(now_ms / 1000)).forEach((rejection, index) => {
        const entry = admitted[index];
        if (entry === undefined) return;
        replies.push({ socket: entry.socket, frame: storedReply(entry.event, rejection) });
        if (rejection !== null) return;
        stored.push(entry.event);
        // Only what is new counts: whoever repeats an author's events must not use up what the author may send.
        takeFrom(this.#authors, entry.event.pubkey, 1, AUTHOR_RATE, now_ms);
      });
      // Now, so that a subscription later in this batch, which reads them from storage, does not get them twice.
      replies.push(...deliveries(this.#connections, stored));
      accepted.push(...stored);
      admitted = [];
    };
    const finish = (socket: WebSocket, connection: Connection, outcome: Outcome): void => {
      for (const frame of outcome.replies) replies.push({ socket, frame });
      if (outcome.changed) saveConnection(this.#sql, socket, connection);
    };
    for (const { socket, message } of messages) {
      const connection = this.#connections.get(socket);
      if (connection === undefined) continue; // closed while it waited
      const limited = overRate(connection, message.verb, this.#addresses, now_ms);
      if (limited !== null) {
        store();
        replies.push({ socket, frame: refusalFrame(message, limited) });
      } else if (message.verb === "EVENT") {
        const result = admit(context, connection, message);
        if ("admitted" in result && !takeFrom(this.#authors, result.admitted.pubkey, 0, AUTHOR_RATE, now_ms)) {
          store();
          const rejection = reject("rate_limited", "this author has published too much of late: try again later");
          replies.push({ socket, frame: refusalFrame(message, rejection) });
        } else if ("admitted" in result) admitted.push({ socket, event: result.admitted });
        else {
          store(); // answers leave in the order of the questions
          finish(socket, connection, result);
        }
      } else {
        store();
        finish(socket, connection, handleMessage(context, connection, message));
      }
    }
    store();
  }

  #context(now_ms: number): SessionContext {
    return {
      ...{ sql: this.#sql, schnorr: edgeSchnorr(), now_ms, newChallenge: () => crypto.randomUUID() },
      openSyncs: () => openSyncs(this.#connections.values(), now_ms),
    };
  }

  #send(socket: WebSocket, frame: string): void {
    try {
      socket.send(frame);
    } catch {
      this.#drop(socket); // the client has gone
    }
  }

  #drop(socket: WebSocket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#connections.delete(socket);
    forgetConnection(this.#sql, connection);
    try {
      socket.close();
    } catch {
      // already closed
    }
  }

  #answerBusy(socket: WebSocket, text: string): void {
    const rejection = reject("busy", "the relay is busy: try again in a few seconds");
    this.#send(socket, refusalFrame(parseMessage(text), rejection));
  }

  async #handOver(): Promise<void> {
    const reputation = reputationLane(this.#sql, (listing) => reputationOf(this.env, listing));
    await Promise.all([
      this.#handTo("catalog", catalogOf(this.env)),
      this.#handTo("reputation", reputation),
      this.#handTo("moderation", moderationOf(this.env)),
    ]);
  }

  async #handTo(lane: Lane, taker: Taker): Promise<void> {
    if (this.#handing_over.has(lane)) return;
    this.#handing_over.add(lane);
    try {
      await handOver(this.#sql, lane, taker);
    } catch (error) {
      console.error(`the ${lane} did not take events; they will be handed over again`, error);
      this.#wake(Date.now() + LIMITS.relay_handover_retry_ms);
    } finally {
      this.#handing_over.delete(lane);
    }
  }

  /** Makes sure that this object wakes to hand these events over, and to remove those that expire. */
  #wakeFor(accepted: readonly VerifiedEvent[]): void {
    if (accepted.some(({ kind }) => isHandedOn(kind))) this.#wake(Date.now() + LIMITS.relay_handover_retry_ms);
    for (const event of accepted) {
      const expires_at_s = keptUntil(event, Math.floor(Date.now() / 1000));
      if (expires_at_s !== null) this.#wake(expires_at_s * 1000);
    }
  }

  /** Sets the alarm, unless an earlier one is set. */
  #wake(at_ms: number): void {
    if (this.#alarm_ms !== null && this.#alarm_ms <= at_ms) return;
    this.#alarm_ms = at_ms;
    void this.ctx.storage.setAlarm(at_ms);
  }
}

function asked(wire: object): NostrFilter {
  const filter = parseFilter(wire);
  assert(!isRejection(filter), "the edge asks with valid filters");
  return filter;
}
