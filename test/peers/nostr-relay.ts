import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { NostrRelay } from "@nostr-relay/core";
import { EventRepositorySqlite } from "@nostr-relay/event-repository-sqlite";
import { Validator } from "@nostr-relay/validator";
import { type WebSocket, WebSocketServer } from "ws";

/** A relay that shares no code with ours: `@nostr-relay/core` over `ws`, on SQLite in a file. It compares nothing (NIP-77). */
export interface PeerRelay {
  readonly url: string;
  readonly close: () => Promise<void>;
}

export const PEER_NAME = "@nostr-relay/core 0.0.40 on SQLite";

export async function openPeerRelay(): Promise<PeerRelay> {
  const folder = await mkdtemp(join(tmpdir(), "oa-peer-relay-"));
  const database = new DatabaseSync(join(folder, "events.db"));
  database.exec("PRAGMA journal_mode = WAL");
  type Given = ConstructorParameters<typeof EventRepositorySqlite>[0];
  const repository = new EventRepositorySqlite(asBetterSqlite(database) as unknown as Given);
  await repository.init();
  const relay = new NostrRelay(repository, {
    logger: { setLogLevel: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: console.error },
  });
  const validator = new Validator();
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket: WebSocket) => {
    relay.handleConnection(socket);
    socket.on("message", (data) => {
      void (async () => {
        try {
          const message = await validator.validateIncomingMessage(Buffer.from(data as Buffer));
          await relay.handleMessage(socket, message);
        } catch (error) {
          socket.send(JSON.stringify(["NOTICE", error instanceof Error ? error.message : String(error)]));
        }
      })();
    });
    socket.on("close", () => relay.handleDisconnect(socket));
    socket.on("error", () => relay.handleDisconnect(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      await new Promise((resolve) => server.close(resolve));
      await relay.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Its storage asks for better-sqlite3, which must be compiled; the runtime's own SQLite answers the same calls. */
function asBetterSqlite(database: DatabaseSync): object {
  const given = (params: readonly unknown[]): SQLInputValue[] => params.flat() as SQLInputValue[];
  return {
    exec: (sql: string) => database.exec(sql),
    close: () => database.close(),
    prepare: (sql: string) => {
      const statement = database.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: (...params: unknown[]) => statement.all(...given(params)),
        get: (...params: unknown[]) => statement.get(...given(params)),
        run: (...params: unknown[]) => statement.run(...given(params)),
        iterate: (...params: unknown[]) => statement.iterate(...given(params)),
      };
    },
    transaction: (body: () => unknown) => () => {
      database.exec("BEGIN");
      try {
        const result = body();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
  };
}
