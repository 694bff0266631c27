import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { matchFilter } from "nostr-tools/filter";

/**
 * A FAKE relay for tests: it speaks NIP-01 over a WebSocket of its own (RFC 6455), keeps events in memory, verifies
 * nothing, and misbehaves on request. The real one is the edge's.
 */
export interface FakeRelay {
  readonly url: string;
  /** Newest first, as a relay sends them. */
  readonly events: NostrEvent[];
  /** Every frame that came in. */
  readonly frames: unknown[][];
  /** Stores an event and sends it to who is subscribed. */
  readonly add: (event: NostrEvent) => void;
  /** Sends text to everybody who is connected. */
  readonly say: (text: string) => void;
  /** Cuts every connection. */
  readonly drop: () => void;
  readonly close: () => Promise<void>;
}

export interface FakeRelayOptions {
  /** Stored events per answer. */
  readonly page?: number;
  /** What it answers to an event; by default it takes it. Null: nothing. */
  readonly accept?: (event: NostrEvent) => readonly [boolean, string] | null;
  /** NIP-42: publishing needs an AUTH that names this challenge. */
  readonly challenge?: string;
  /** Never answers the WebSocket handshake. */
  readonly mute?: boolean;
}

interface Client {
  readonly send: (frame: readonly unknown[]) => void;
  readonly raw: (text: string) => void;
  readonly subscriptions: Map<string, readonly Parameters<typeof matchFilter>[0][]>;
  authenticated: boolean;
  readonly socket: Duplex;
}

export async function openFakeRelay(options: FakeRelayOptions = {}): Promise<FakeRelay> {
  const events: NostrEvent[] = [];
  const frames: unknown[][] = [];
  const clients = new Set<Client>();
  const matches = (filter: Parameters<typeof matchFilter>[0], event: NostrEvent): boolean =>
    matchFilter(filter, event as unknown as Parameters<typeof matchFilter>[1]);
  const add = (event: NostrEvent): void => {
    events.push(event);
    events.sort((a, b) => b.created_at - a.created_at);
    for (const { subscriptions, send } of clients) {
      for (const [id, filters] of subscriptions) {
        if (filters.some((filter) => matches(filter, event))) send(["EVENT", id, event]);
      }
    }
  };
  const onFrame = (client: Client, frame: unknown[]): void => {
    frames.push(frame);
    const [verb, value, ...rest] = frame;
    if (verb === "EVENT" || verb === "AUTH") {
      const event = value as NostrEvent;
      if (verb === "AUTH") {
        client.authenticated = event.tags.some(([name, text]) => name === "challenge" && text === options.challenge);
        client.send(["OK", event.id, client.authenticated, client.authenticated ? "" : "invalid: challenge"]);
      } else if (options.challenge !== undefined && !client.authenticated) {
        client.send(["OK", event.id, false, "auth-required: who are you?"]);
      } else {
        const answer = options.accept === undefined ? ([true, ""] as const) : options.accept(event);
        if (answer?.[0] === true) add(event);
        if (answer !== null) client.send(["OK", event.id, ...answer]);
      }
    } else if (verb === "REQ") {
      const filters = rest as Parameters<typeof matchFilter>[0][];
      const found = filters.flatMap((filter) =>
        events.filter((event) => matches(filter, event)).slice(0, Math.min(filter.limit ?? 500, options.page ?? 500)),
      );
      for (const event of new Set(found)) client.send(["EVENT", value, event]);
      client.send(["EOSE", value]);
      client.subscriptions.set(value as string, filters);
    } else if (verb === "CLOSE") client.subscriptions.delete(value as string);
  };

  const server = createServer((_request, response) => response.writeHead(426).end());
  const sockets = new Set<Duplex>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => undefined);
    if (options.mute === true) return;
    const key = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}`;
    socket.write(`${head}\r\n\r\n`);
    const raw = (text: string): void => void socket.write(encode(text));
    const client: Client = {
      ...{ raw, send: (frame) => raw(JSON.stringify(frame)), subscriptions: new Map(), authenticated: false, socket },
    };
    clients.add(client);
    socket.on("close", () => clients.delete(client));
    if (options.challenge !== undefined) client.send(["AUTH", options.challenge]);
    let buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (let message = decode(buffer); message !== null; message = decode(buffer)) {
        buffer = buffer.subarray(message.size);
        if (message.opcode === 1) onFrame(client, JSON.parse(message.text) as unknown[]);
        else if (message.opcode === 8) socket.end(Buffer.from([0x88, 0]));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const drop = (): void => {
    for (const { socket } of clients) socket.destroy();
  };
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ...{ events, frames, add, drop },
    say: (text) => {
      for (const { raw } of clients) raw(text);
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function encode(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(body.length < 126 ? 2 : body.length < 65_536 ? 4 : 10);
  head[0] = 0x81;
  if (body.length < 126) head[1] = body.length;
  else if (body.length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(body.length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
}

/** A client's frame: masked and, in these tests, never fragmented. Null until it has come whole. */
function decode(buffer: Buffer): { readonly opcode: number; readonly text: string; readonly size: number } | null {
  if (buffer.length < 2) return null;
  const short = (buffer[1] ?? 0) & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (buffer.length < 6 + extra) return null;
  const length = extra === 0 ? short : extra === 2 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
  const size = 6 + extra + length;
  if (buffer.length < size) return null;
  const mask = buffer.subarray(2 + extra, 6 + extra);
  const body = Buffer.from(buffer.subarray(6 + extra, size));
  for (let index = 0; index < body.length; index += 1) body[index] = (body[index] ?? 0) ^ (mask[index % 4] ?? 0);
  return { opcode: (buffer[0] ?? 0) & 0x0f, text: body.toString("utf8"), size };
}
