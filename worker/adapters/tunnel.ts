import { randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, connect as dial, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";

/** The checked addresses a connection may go to. A `Fault` where it may go nowhere. */
export type Connect = (host: string, port: number, signal: AbortSignal) => Promise<readonly string[]>;

/** The one way out for a child process: a SOCKS 5 server (RFC 1928, 1929) of its own that asks before each connection. */
export interface Tunnel {
  /** Where it listens: a Unix socket's path, or a port on 127.0.0.1. */
  readonly at: string | number;
  /** What tells a program to use it, where it is reached at `port` of its own 127.0.0.1. */
  readonly env: Readonly<Record<string, string>>;
  readonly close: () => void;
}

const VERSION = 5;
const PASSWORD = 2;
const CONNECT = 1;
const [REFUSED, UNREACHABLE, UNSUPPORTED] = [2, 4, 7];

/**
 * Opens a tunnel that only who knows its secret can use. `socket`: on a Unix socket in a folder of its own, for a child
 * that reaches it as `port` through a bridge; else on a free port of 127.0.0.1.
 */
export async function openTunnel(
  ask: Connect,
  options: { readonly port: number; readonly socket?: boolean },
): Promise<Tunnel> {
  const secret = randomBytes(16).toString("hex");
  const closing = new AbortController();
  const sockets = new Set<Socket>();
  const left = { bytes: LIMITS.tunnel_bytes };
  const server = createServer((client) => {
    if (sockets.size >= LIMITS.tunnel_sockets) return void client.destroy();
    track(client, sockets);
    client.on("error", () => client.destroy());
    client.setTimeout(LIMITS.tunnel_idle_ms, () => client.destroy());
    serve(client, { ask, secret, sockets, left, signal: closing.signal }).catch(() => client.destroy());
  });
  const folder = options.socket === true ? mkdtempSync(join(tmpdir(), "oa-net-")) : null;
  const where = folder === null ? { host: "127.0.0.1", port: 0 } : { path: join(folder, "s") };
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, resolve);
  });
  const address = server.address();
  const at = typeof address === "object" && address !== null ? address.port : String(address);
  const proxy = `socks5h://oa:${secret}@127.0.0.1:${typeof at === "number" ? at : options.port}`;
  return {
    at,
    env: { ALL_PROXY: proxy, all_proxy: proxy },
    close: () => {
      closing.abort();
      server.close();
      for (const socket of sockets) socket.destroy();
      if (folder !== null) rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Serving {
  readonly ask: Connect;
  readonly secret: string;
  readonly sockets: Set<Socket>;
  /** Of all connections together. */
  readonly left: { bytes: number };
  readonly signal: AbortSignal;
}

async function serve(client: Socket, { ask, secret, sockets, left, signal }: Serving): Promise<void> {
  const read = reader(client);
  const [version = 0, methods = 0] = await read(2);
  const offered = await read(methods);
  if (version !== VERSION || !offered.includes(PASSWORD)) return void client.end(Uint8Array.of(VERSION, 0xff));
  client.write(Uint8Array.of(VERSION, PASSWORD));
  const [, nameLength = 0] = await read(2);
  const passwordLength = (await read(nameLength + 1)).at(-1) ?? 0;
  const [given, wanted] = [await read(passwordLength), Buffer.from(secret)];
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return void client.end(Uint8Array.of(1, 1));
  client.write(Uint8Array.of(1, 0));
  const [, command = 0, , kind = 0] = await read(4);
  const host = await readHost(read, kind);
  const port = (await read(2)).readUInt16BE();
  const answer = (status: number): Uint8Array => Uint8Array.of(VERSION, status, 0, 1, 0, 0, 0, 0, 0, 0);
  if (command !== CONNECT || host === null) return void client.end(answer(UNSUPPORTED));
  const addresses = await ask(host, port, signal).catch(() => null);
  if (addresses === null) return void client.end(answer(REFUSED));
  const far = await reach(addresses, port, sockets);
  if (far === null) return void client.end(answer(UNREACHABLE));
  if (client.destroyed) return void far.destroy();
  client.write(answer(0));
  relayBoth(client, far, left);
}

/** Both ways, until either ends or the bytes of the command are used up. */
function relayBoth(client: Socket, far: Socket, left: { bytes: number }): void {
  const count = (chunk: Buffer): void => {
    left.bytes -= chunk.length;
    if (left.bytes < 0) for (const socket of [client, far]) socket.destroy();
  };
  far.setTimeout(LIMITS.tunnel_idle_ms, () => far.destroy());
  for (const socket of [client, far]) socket.on("data", count);
  client.on("close", () => far.destroy());
  far.on("close", () => client.destroy());
  client.pipe(far);
  far.pipe(client);
}

/** A connection to the first address that takes one. */
async function reach(addresses: readonly string[], port: number, sockets: Set<Socket>): Promise<Socket | null> {
  for (const host of addresses) {
    const socket = dial({ host, port });
    track(socket, sockets);
    const open = await new Promise<boolean>((resolve) => {
      socket.setTimeout(LIMITS.tunnel_connect_ms, () => resolve(false));
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.on("error", () => socket.destroy());
    if (open) return socket;
    socket.destroy();
  }
  return null;
}

function track(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
}

async function readHost(read: (count: number) => Promise<Buffer>, kind: number): Promise<string | null> {
  if (kind === 1) return [...(await read(4))].join(".");
  if (kind === 3) return (await read((await read(1))[0] ?? 0)).toString("latin1");
  if (kind !== 4) return null;
  const bytes = await read(16);
  return Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(group * 2).toString(16)).join(":");
}

/** Reads exactly so many bytes; what comes after them stays in the socket. Rejects where it ends before. */
function reader(socket: Socket): (count: number) => Promise<Buffer> {
  return (count) =>
    new Promise((resolve, reject) => {
      if (count === 0) return resolve(Buffer.alloc(0));
      const stop = (): void => {
        socket.off("readable", look);
        socket.off("close", gone);
      };
      const gone = (): void => {
        stop();
        reject(new Error("the connection ended"));
      };
      const look = (): void => {
        const bytes = socket.read(count) as Buffer | null;
        if (bytes === null) return;
        if (bytes.length === count) {
          stop();
          resolve(bytes);
        } else gone();
      };
      socket.on("readable", look);
      socket.on("close", gone);
      look();
    });
}
