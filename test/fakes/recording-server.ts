import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A server that keeps what it was asked, and carries out a request only once for each idempotency key. */
export interface RecordingServer {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  /** Every request that came, repeats included. */
  readonly requests: {
    readonly method: string;
    readonly path: string;
    readonly key: string | null;
    readonly body: string;
  }[];
  /** What was carried out, by idempotency key. */
  readonly orders: ReadonlyMap<string, string>;
  readonly close: () => Promise<void>;
}

/** `page` is what a GET is answered; `answer_ms` how long each answer takes. */
export async function openRecordingServer(page: string, answer_ms = 0): Promise<RecordingServer> {
  const requests: RecordingServer["requests"] = [];
  const orders = new Map<string, string>();
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const header = request.headers["idempotency-key"];
      const key = typeof header === "string" ? header : null;
      const { method = "", url: path = "" } = request;
      requests.push({ method, path, key, body });
      // It is done when it has been asked, whether or not the asker lives to hear so.
      if (method === "POST") {
        const name = key ?? `request ${requests.length} without a key`;
        if (!orders.has(name)) orders.set(name, body);
      }
      setTimeout(() => response.setHeader("content-type", "application/json").end(page), answer_ms);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ host, requests, orders, url: `http://${host}` },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
