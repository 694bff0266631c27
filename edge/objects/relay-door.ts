import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { reject } from "@oa/shared/core/refusal.ts";
import { relayShards } from "@oa/shared/nostr/relay-shard.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { durableSql } from "../adapters/durable-sql.ts";
import { edgeSchnorr } from "../adapters/schnorr.ts";
import { type Binds, shardOf } from "../addresses.ts";
import {
  CONNECTIONS_DDL,
  type Connection,
  forgetConnection,
  newConnection,
  restoreConnection,
  saveConnection,
} from "../relay/connection.ts";
import { closeMissed, deliver } from "../relay/deliveries.ts";
import type { SessionContext } from "../relay/exchange.ts";
import { answerRoom } from "../relay/fan-out.ts";
import { type HeardNews, heardNews } from "../relay/heard-news.ts";
import { type ClientMessage, frames, parseMessage, refusalFrame } from "../relay/protocol.ts";
import { type Allowances, connectionsFrom, limitedAddress, maySend, overRate } from "../relay/rates.ts";
import { type Answer, type LateAnswer, reply } from "../relay/replies.ts";
import { handleMessage } from "../relay/session.ts";
import { shardCalls } from "../relay/shard-calls.ts";
import { gatherTasks, type ShardTasks } from "../relay/shard-tasks.ts";
import type { LiveEvent } from "../relay/subscription.ts";
import type { News } from "../relay/tell-doors.ts";
import { type Said, takingTurns } from "../relay/turns.ts";
import type { Settings } from "../settings.ts";
import type { RelayShard } from "./relay-shard.ts";

type DoorEnv = Settings & Binds<"RELAY_SHARD", RelayShard>;

/**
 * Connections to the relay, which has several doors: clients, their subscriptions and keys, and what they may still send.
 * It verifies events; the shards store them. Messages that arrive together lead to one call to each shard that they
 * touch, and their answers leave after the shards', and so after what they acknowledge is durable.
 */
export class RelayDoor extends DurableObject<DoorEnv> {
  readonly #sql;
  readonly #shards: number;
  readonly #connections = new Map<WebSocket, Connection>();
  readonly #called = shardCalls((shard) => shardOf(this.env, shard));
  readonly #heard: HeardNews;
  readonly #turns = takingTurns<WebSocket>({ chars: LIMITS.relay_queue_chars, in_hand: LIMITS.relay_in_hand });
  readonly #room = answerRoom(LIMITS.relay_answers_chars);
  #flushing = false;
  /** By address. Forgotten when this object sleeps, as those who wait are full again by then. */
  readonly #addresses: Allowances = new Map();
  readonly #sent: Allowances = new Map();

  constructor(context: DurableObjectState, env: DoorEnv) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    this.#shards = relayShards(env.RELAY_SHARDS);
    this.#sql.run(CONNECTIONS_DDL);
    for (const socket of context.getWebSockets()) {
      this.#connections.set(socket, restoreConnection(this.#sql, socket));
    }
    const live = JSON.stringify([...this.#connections.values()].map(({ id }) => id));
    this.#sql.run("DELETE FROM relay_filters WHERE connection NOT IN (SELECT value FROM json_each(?))", live);
    this.#heard = heardNews(this.#sql, this.#connections.size === 0);
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
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

  /**
   * News of a shard; whether this door wants to hear more. What may not have arrived those who waited for it are told of.
   */
  deliver(shard: number, news: News): boolean {
    const first = this.#heard(shard, news);
    if (first === null || news.missed) this.#closeMissed(shard);
    this.#tell((first ?? []).map(({ raw, mark }) => ({ event: JSON.parse(raw) as NostrEvent, raw, shard, mark })));
    return this.#isWaiting();
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message !== "string") {
      this.#send(socket, frames.notice("invalid: this relay speaks text, not binary messages"));
      return;
    }
    if (this.#turns.put(socket, message)) {
      this.#schedule();
      return;
    }
    const rejection = reject("busy", "the relay is busy: try again in a few seconds");
    this.#send(socket, refusalFrame(parseMessage(message), rejection));
  }

  override webSocketClose(socket: WebSocket): void {
    this.#drop(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#drop(socket);
  }

  #schedule(): void {
    if (this.#flushing || !this.#turns.isWaiting()) return;
    this.#flushing = true;
    // A timer, not a microtask: what has already arrived shares the calls to the shards.
    setTimeout(() => this.#flush(), 0);
  }

  #flush(): void {
    this.#flushing = false;
    const tasks = gatherTasks(this.#shards, this.ctx.id.toString(), this.#called);
    const taken = this.#turns.take(LIMITS.relay_batch);
    for (const said of taken) this.#reply(tasks, said);
    tasks.send();
    // Where none could be taken, an answer makes room for more.
    if (taken.length > 0) this.#schedule();
  }

  #reply(tasks: ShardTasks, said: Said<WebSocket>): void {
    const { sender, text } = said;
    const connection = this.#connections.get(sender);
    const answer = connection === undefined ? [] : this.#handle(tasks, sender, connection, text);
    const answered = (): void => {
      this.#turns.answered(said);
      this.#schedule();
    };
    if (answer instanceof Promise) void answer.then(answered);
    else answered();
    reply(
      connection?.replies ?? [],
      answer,
      (frame) => this.#send(sender, frame),
      () => this.#turns.left(said),
    );
  }

  /** The answer to one message. One that cannot be handled says so, and does not fail the others. */
  #handle(tasks: ShardTasks, socket: WebSocket, connection: Connection, text: string): Answer {
    const message = parseMessage(text);
    const failed = (error: unknown): readonly string[] => {
      console.error("a message could not be handled", error);
      return [refusalFrame(message, reject("internal", "the relay could not do this: try again"))];
    };
    const guarded = (frames: LateAnswer) => (): readonly string[] => {
      try {
        return frames();
      } catch (error) {
        return failed(error);
      }
    };
    try {
      const answer = this.#answer(tasks, socket, connection, message);
      return answer instanceof Promise ? answer.then(guarded, (error) => () => failed(error)) : answer;
    } catch (error) {
      return failed(error);
    }
  }

  #answer(tasks: ShardTasks, socket: WebSocket, connection: Connection, message: ClientMessage): Answer {
    const now_ms = Date.now();
    const limited = overRate(connection, message.verb, this.#addresses, now_ms);
    if (limited !== null) return [refusalFrame(message, limited)];
    const context: SessionContext = {
      ...{ tasks, room: this.#room, schnorr: edgeSchnorr(), now_ms, newChallenge: () => crypto.randomUUID() },
      connections: () => this.#connections.values(),
      ...this.#telling(socket),
    };
    return handleMessage(context, connection, message);
  }

  #isWaiting(): boolean {
    for (const { subscriptions } of this.#connections.values()) if (subscriptions.size > 0) return true;
    return false;
  }

  #tell(events: readonly LiveEvent[]): void {
    deliver(
      this.#connections,
      events,
      (socket) => this.#telling(socket),
      (socket, frame) => this.#send(socket, frame),
    );
  }

  #telling(socket: WebSocket): Pick<SessionContext, "maySend" | "save"> {
    return {
      maySend: (connection, chars) => maySend(this.#sent, connection, chars, Date.now()),
      save: (connection, changed) => {
        if (this.#connections.has(socket)) saveConnection(this.#sql, socket, connection, changed);
      },
    };
  }

  #closeMissed(shard: number): void {
    closeMissed(
      this.#connections,
      { shard, count: this.#shards },
      (socket, frame) => this.#send(socket, frame),
      (socket, connection, changed) => saveConnection(this.#sql, socket, connection, changed),
    );
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
    this.#turns.drop(socket);
    forgetConnection(this.#sql, connection);
    try {
      socket.close();
    } catch {
      // already closed
    }
  }
}
