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
import { type ClientMessage, frames, parseMessage, refusalFrame } from "../relay/protocol.ts";
import { type Allowances, connectionsFrom, limitedAddress, overRate } from "../relay/rates.ts";
import { type Answer, reply } from "../relay/replies.ts";
import { handleMessage } from "../relay/session.ts";
import { type Fresh, gatherTasks, type ShardPort, type ShardTasks } from "../relay/shard-tasks.ts";
import type { LiveEvent } from "../relay/subscription.ts";
import { openSyncs } from "../relay/sync.ts";
import type { Settings } from "../settings.ts";
import type { RelayShard } from "./relay-shard.ts";

type DoorEnv = Settings & Binds<"RELAY_SHARD", RelayShard>;

interface Waiting {
  readonly socket: WebSocket;
  readonly text: string;
}

/**
 * Connections to the relay, which has several doors: clients, their subscriptions and keys, and what they may still send.
 * It verifies events; the shards store them. Messages that arrive together lead to one call to each shard that they
 * touch, and their answers leave after the shards', and so after what they acknowledge is durable.
 */
export class RelayDoor extends DurableObject<DoorEnv> {
  readonly #sql;
  readonly #shards: number;
  readonly #connections = new Map<WebSocket, Connection>();
  /** One stub for each shard: calls through one arrive in the order they were made. */
  readonly #stubs = new Map<number, ShardPort>();
  #queue: Waiting[] = [];
  /** Of messages that wait or are in hand. */
  #held_chars = 0;
  #in_hand = 0;
  readonly #room = answerRoom(LIMITS.relay_answers_chars);
  #flushing = false;
  /** By address. Forgotten when this object sleeps, as those who wait are full again by then. */
  readonly #addresses: Allowances = new Map();

  constructor(context: DurableObjectState, env: DoorEnv) {
    super(context, env);
    this.#sql = durableSql(context.storage);
    this.#shards = relayShards(env.RELAY_SHARDS);
    this.#sql.run(CONNECTIONS_DDL);
    for (const socket of context.getWebSockets()) {
      this.#connections.set(socket, restoreConnection(this.#sql, socket));
    }
    const live = JSON.stringify([...this.#connections.values()].map(({ id }) => id));
    this.#sql.run("DELETE FROM relay_subscriptions WHERE connection NOT IN (SELECT value FROM json_each(?))", live);
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
   * What a shard has just stored, in order; whether this door wants to hear more. `missed`: others before it may not have
   * arrived, which those who waited for them are told.
   */
  deliver(shard: number, fresh: readonly Fresh[], missed: boolean): boolean {
    if (missed) this.#closeMissed(shard);
    this.#tell(fresh.map(({ raw, mark }) => ({ event: JSON.parse(raw) as NostrEvent, raw, shard, mark })));
    return this.#isWaiting();
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message !== "string") {
      socket.send(frames.notice("invalid: this relay speaks text, not binary messages"));
      return;
    }
    if (this.#held_chars + message.length > LIMITS.relay_queue_chars) {
      const rejection = reject("busy", "the relay is busy: try again in a few seconds");
      this.#send(socket, refusalFrame(parseMessage(message), rejection));
      return;
    }
    this.#queue.push({ socket, text: message });
    this.#held_chars += message.length;
    this.#schedule();
  }

  override webSocketClose(socket: WebSocket): void {
    this.#drop(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#drop(socket);
  }

  #schedule(): void {
    if (this.#flushing || this.#queue.length === 0 || this.#in_hand >= LIMITS.relay_in_hand) return;
    this.#flushing = true;
    // A timer, not a microtask: what has already arrived shares the calls to the shards.
    setTimeout(() => this.#flush(), 0);
  }

  #flush(): void {
    this.#flushing = false;
    const tasks = gatherTasks(this.#shards, this.ctx.id.toString(), (shard) => this.#shard(shard));
    for (const { socket, text } of this.#queue.splice(0, LIMITS.relay_batch)) {
      const connection = this.#connections.get(socket);
      if (connection === undefined) {
        this.#held_chars -= text.length; // closed while it waited
        continue;
      }
      this.#in_hand += 1;
      const send = (frame: string): void => this.#send(socket, frame);
      reply(connection.replies, this.#handle(tasks, socket, connection, text), send, () => {
        this.#in_hand -= 1;
        this.#held_chars -= text.length;
        this.#schedule();
      });
    }
    tasks.send();
    this.#schedule();
  }

  /** The answer to one message. One that cannot be handled says so, and does not fail the others. */
  #handle(tasks: ShardTasks, socket: WebSocket, connection: Connection, text: string): Answer {
    const message = parseMessage(text);
    const failed = (error: unknown): readonly string[] => {
      console.error("a message could not be handled", error);
      return [refusalFrame(message, reject("internal", "the relay could not do this: try again"))];
    };
    try {
      const answer = this.#answer(tasks, socket, connection, message);
      return answer instanceof Promise ? answer.catch((error) => ({ frames: () => failed(error) })) : answer;
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
      openSyncs: () => openSyncs(this.#connections.values(), Date.now()),
      save: () => {
        if (this.#connections.has(socket)) saveConnection(this.#sql, socket, connection);
      },
      tell: (live) => this.#tell([live]),
    };
    return handleMessage(context, connection, message);
  }

  #shard(shard: number): ShardPort {
    const known = this.#stubs.get(shard);
    if (known !== undefined) return known;
    const stub = shardOf(this.env, shard);
    // A stub that has failed once stays broken.
    const or = <T>(call: Promise<T>): Promise<T> =>
      call.catch((error) => {
        this.#stubs.delete(shard);
        throw error;
      });
    const port: ShardPort = {
      perform: (from, tasks) => or(stub.perform(from, tasks)),
      raws: (seqs, chars) => or(stub.raws(seqs, chars)),
    };
    this.#stubs.set(shard, port);
    return port;
  }

  #isWaiting(): boolean {
    for (const { subscriptions } of this.#connections.values()) if (subscriptions.size > 0) return true;
    return false;
  }

  #tell(events: readonly LiveEvent[]): void {
    deliver(this.#connections, events, (socket, frame) => this.#send(socket, frame));
  }

  #closeMissed(shard: number): void {
    closeMissed(
      this.#connections,
      { shard, count: this.#shards },
      (socket, frame) => this.#send(socket, frame),
      (socket, connection) => saveConnection(this.#sql, socket, connection),
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
    forgetConnection(this.#sql, connection);
    try {
      socket.close();
    } catch {
      // already closed
    }
  }
}
