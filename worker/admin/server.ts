import { createAdaptorServer, type ServerType } from "@hono/node-server";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Hono } from "hono";
import { type GuardOptions, guardedApp } from "./guard.ts";

export interface AdminServer {
  readonly port: number;
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Serves the control API on 127.0.0.1 alone, behind `guardedApp`. Port 0 takes any free one. */
export async function openAdminServer(
  api: Hono,
  options: { readonly port: number } & Pick<GuardOptions, "token" | "authorize">,
): Promise<AdminServer> {
  let port = options.port;
  const app = guardedApp(api, { ...options, port: () => port });
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      requestTimeout: LIMITS.api_request_ms,
      headersTimeout: LIMITS.api_headers_ms,
      maxHeaderSize: LIMITS.api_header_bytes,
    },
  }) as Extract<ServerType, { closeAllConnections(): void }>; // plain HTTP, since no createServer is given
  server.maxConnections = LIMITS.api_connections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" || error.code === "EACCES" ? portFault(options.port, error) : error);
    });
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address !== null && typeof address === "object") port = address.port;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Event streams never end by themselves; their clients resume by the last id.
        server.closeAllConnections();
      }),
  };
}

function portFault(port: number, cause: NodeJS.ErrnoException): Fault {
  const why = cause.code === "EACCES" ? "this user may not listen on it" : "another program listens on it";
  return new Fault("port_in_use", `port ${port} cannot be used: ${why}; choose another with --port N`, { cause });
}
