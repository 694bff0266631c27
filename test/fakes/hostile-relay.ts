import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/** A FAKE relay that does with each frame what a test says, however wrong. It counts who connected. */
export interface HostileRelay {
  readonly url: string;
  readonly connections: () => number;
  readonly close: () => Promise<void>;
}

export interface HostileOptions {
  readonly onFrame?: (frame: readonly unknown[], say: (value: unknown) => void, socket: WebSocket) => void;
  /** Sends whoever wants a WebSocket to this address instead. */
  readonly redirect?: string;
}

export async function openHostileRelay({ onFrame, redirect }: HostileOptions): Promise<HostileRelay> {
  let connections = 0;
  const server = createServer();
  const sockets = redirect === undefined ? new WebSocketServer({ server }) : null;
  if (redirect !== undefined) {
    server.on("upgrade", (_request, socket) => {
      connections += 1;
      socket.on("error", () => {});
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ${redirect}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    });
  }
  sockets?.on("connection", (socket) => {
    connections += 1;
    socket.on("error", () => {});
    socket.on("message", (data) => {
      const say = (value: unknown): void => socket.send(typeof value === "string" ? value : JSON.stringify(value));
      onFrame?.(JSON.parse(String(data)) as readonly unknown[], say, socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    connections: () => connections,
    close: async () => {
      for (const socket of sockets?.clients ?? []) socket.terminate();
      sockets?.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
