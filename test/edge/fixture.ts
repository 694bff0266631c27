import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { type RunningEdge, startEdge } from "@oa/worker/adapters/edge.ts";
import { signQuickly } from "../sign.ts";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The built edge in workerd on a folder of its own, which can be stopped and started again. */
export interface TestEdge {
  readonly edge: () => RunningEdge;
  /** A client of its relay, which is closed with it. */
  readonly client: () => Promise<Client>;
  /** Stops and starts it; `changed`: settings that are others from then on until the next start. */
  readonly restart: (changed?: Readonly<Record<string, string>>) => Promise<void>;
  /** Stops it, lets something be done to its databases, and starts it again. */
  readonly whileStopped: (change: () => Promise<void>) => Promise<void>;
  readonly close: () => Promise<void>;
  /** Where its databases lie. */
  readonly data_dir: string;
  /** Lines the edge has logged. */
  readonly log: string[];
}

/** The relay in several parts, as it is deployed. OA_SHARDS=1 OA_DOORS=1: in one, as on an owner's machine. */
const PARTS = { RELAY_SHARDS: process.env.OA_SHARDS ?? "4", RELAY_DOORS: process.env.OA_DOORS ?? "2" };

/** `entry`: a module in place of the edge's own; see `EdgeOptions`. */
export async function openTestEdge(bindings: Readonly<Record<string, string>> = {}, entry?: string): Promise<TestEdge> {
  const data_dir = await mkdtemp(join(tmpdir(), "oa-edge-"));
  const log: string[] = [];
  const start = (changed: Readonly<Record<string, string>> = {}) =>
    startEdge({
      port: 0,
      data_dir,
      root: ROOT,
      bindings: { ...PARTS, ...bindings, ...changed },
      ...(entry === undefined ? {} : { entry }),
      log: (line) => void log.push(line),
    });
  let running = await start();
  const clients: Client[] = [];
  return {
    edge: () => running,
    client: async () => {
      const client = await connect(running.relay_url);
      clients.push(client);
      return client;
    },
    data_dir,
    restart: async (changed) => {
      await running.close();
      running = await start(changed);
    },
    whileStopped: async (change) => {
      await running.close();
      await change();
      running = await start();
    },
    close: async () => {
      for (const client of clients) await client.close();
      await running.close();
      await rm(data_dir, { recursive: true, force: true });
    },
    log,
  };
}

export type Frame = readonly unknown[];

/** A raw client: what was said and what came back, so that bad input can be sent as it is. */
export interface Client {
  readonly send: (message: unknown) => void;
  readonly sendText: (text: string | Uint8Array) => void;
  /** The next frame, in order, that is not taken yet. */
  readonly next: () => Promise<Frame>;
  /** Frames up to and including the first of a verb. */
  readonly until: (verb: string) => Promise<readonly Frame[]>;
  readonly publish: (event: NostrEvent) => Promise<Frame>;
  /** Stored events that meet the filters. */
  readonly query: (...filters: readonly object[]) => Promise<readonly NostrEvent[]>;
  /** Proves a key (NIP-42) by the challenge that the relay gave. */
  readonly authenticate: (key: Uint8Array, challenge: string) => Promise<Frame>;
  readonly close: () => Promise<void>;
}

/** Long enough for a busy machine: what comes sooner waits no longer. */
const ANSWER_MS_MAX = 30_000;

/** `address`: where Cloudflare would say that the client is; by default on this machine. */
export async function connect(url: string, address?: string): Promise<Client> {
  // Node's own WebSocket takes headers, which the web's does not.
  const init = { headers: address === undefined ? {} : { "CF-Connecting-IP": address } };
  const socket = new WebSocket(url, init as unknown as string[]);
  const frames: Frame[] = [];
  let wake = (): void => undefined;
  let closed = false;
  socket.onmessage = ({ data }) => {
    frames.push(JSON.parse(String(data)) as Frame);
    wake();
  };
  const ended = new Promise<void>((resolve) => {
    socket.onclose = () => {
      closed = true;
      wake();
      resolve();
    };
  });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`${url} does not answer`));
  });
  const next = async (): Promise<Frame> => {
    const deadline = Date.now() + ANSWER_MS_MAX;
    for (;;) {
      const frame = frames.shift();
      if (frame !== undefined) return frame;
      if (closed) throw new Error("the relay closed the connection");
      if (Date.now() > deadline) throw new Error("the relay did not answer");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ANSWER_MS_MAX);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const until = async (verb: string): Promise<readonly Frame[]> => {
    const taken: Frame[] = [];
    for (;;) {
      const frame = await next();
      taken.push(frame);
      if (frame[0] === verb) return taken;
    }
  };
  const send = (message: unknown): void => socket.send(JSON.stringify(message));
  return {
    send,
    sendText: (text) => socket.send(text),
    next,
    until,
    publish: async (event) => {
      send(["EVENT", event]);
      return (await until("OK")).at(-1) ?? [];
    },
    query: async (...filters) => {
      send(["REQ", "query", ...filters]);
      const answer = await until("EOSE");
      send(["CLOSE", "query"]);
      return answer.flatMap((frame) => (frame[0] === "EVENT" ? [frame[2] as NostrEvent] : []));
    },
    authenticate: async (key, challenge) => {
      const tags = [
        ["relay", url],
        ["challenge", challenge],
      ];
      send(["AUTH", signed(key, { kind: 22242, tags, created_at: Math.floor(Date.now() / 1000) })]);
      return (await until("OK")).at(-1) ?? [];
    },
    close: async () => {
      socket.close();
      await ended;
    },
  };
}

export const NOW = Math.floor(Date.now() / 1000);

/** A signed event. */
export function signed(
  key: Uint8Array,
  event: { readonly kind: number; readonly tags?: string[][]; readonly content?: string; readonly created_at?: number },
): NostrEvent {
  const { kind, tags = [], content = "", created_at = NOW } = event;
  return signQuickly({ kind, tags, content, created_at }, key);
}

/**
 * Waits until `check` says so, for what happens after the answer. It is asked often at first and then ever more seldom,
 * since asking costs what is waited for its processor time.
 */
export async function eventually(check: () => Promise<boolean>, wait_ms = ANSWER_MS_MAX): Promise<void> {
  const deadline = Date.now() + wait_ms;
  for (let pause_ms = 10; !(await check()); pause_ms = Math.min(2 * pause_ms, 200)) {
    if (Date.now() > deadline) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, pause_ms));
  }
}

/** One management call (NIP-86) by a key. */
export async function manageRelay(
  host: TestEdge,
  by: Uint8Array,
  method: string,
  ...params: readonly unknown[]
): Promise<{ readonly status: number; readonly result?: unknown; readonly error?: string }> {
  const body = JSON.stringify({ method, params });
  const url = `${host.edge().url}/`;
  const template = httpAuthTemplate({ url, method: "POST", body }, Math.floor(Date.now() / 1000), randomUUID());
  const headers = {
    "content-type": "application/nostr+json+rpc",
    authorization: httpAuthHeader(signQuickly(template, by)),
  };
  const response = await fetch(url, { method: "POST", headers, body });
  return { status: response.status, ...((await response.json()) as { result?: unknown; error?: string }) };
}
