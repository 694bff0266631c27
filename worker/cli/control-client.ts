import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { knownReason } from "@oa/shared/core/reasons.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { type DaemonFile, readDaemonFile, removeDaemonFile } from "../adapters/daemon-file.ts";
import { takeDataLock } from "../adapters/data-lock.ts";

/** The control API as a command sees it; an answer that says no is a rejection. `T` is what the route is known to give. */
export interface ControlClient {
  readonly get: <T extends object>(path: string, signal?: AbortSignal) => Promise<T | Rejection>;
  readonly post: <T extends object>(path: string, body: object, signal?: AbortSignal) => Promise<T | Rejection>;
  /** The answer as text, piece by piece. */
  readonly stream: (path: string, signal?: AbortSignal) => Promise<AsyncIterable<string> | Rejection>;
  /** True where a daemon answers: what is started goes on after the command. */
  readonly daemon: boolean;
  /** Without a daemon, lets this process carry out runs until `close`; with one, does nothing. */
  readonly work: () => void;
  readonly close: () => Promise<void>;
}

type Send = (path: string, init: RequestInit) => Promise<Response>;

/**
 * Finds the worker of a data folder: the running daemon over HTTP, else the same app in this process, which then owns
 * the folder until `close`. Throws `busy` while another command owns it.
 */
export async function openControlClient(options: {
  readonly data_dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Promise<ControlClient> {
  const { data_dir } = options;
  const deadline = performance.now() + LIMITS.data_lock_wait_ms;
  for (;;) {
    const daemon = await readDaemonFile(data_dir);
    const lock = await takeDataLock(data_dir);
    if (lock !== null) {
      // Nobody owns the folder, so a daemon file was left by one that was killed; its port may be anybody's now.
      await removeDaemonFile(data_dir);
      try {
        const [{ readConfig }, { openWorker }, { controlApp }] = await Promise.all([
          import("../config.ts"),
          import("../main.ts"),
          import("@oa/shared/api/app.ts"),
        ]);
        const worker = await openWorker(await readConfig(data_dir, options.env));
        const app = controlApp(worker.ports);
        const close = async (): Promise<void> => {
          await worker.close();
          lock.release();
        };
        return client(async (path, init) => app.request(path, init), { daemon: false, work: worker.work, close });
      } catch (error) {
        lock.release();
        throw error;
      }
    }
    if (daemon !== null) {
      return client(await overHttp(daemon), { daemon: true, work: () => {}, close: async () => {} });
    }
    if (performance.now() > deadline) {
      throw new Fault("busy", `another oa command is using ${data_dir}; try again when it has finished`);
    }
    await sleep(50);
  }
}

async function overHttp({ url, pid, token_path }: DaemonFile): Promise<Send> {
  return sender(url, (await readFile(token_path, "utf8")).trim(), `the worker at ${url} (pid ${pid})`);
}

function sender(url: string, token: string, who: string): Send {
  return (path, init) => {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${token}`);
    return fetch(new URL(path, url), { ...init, headers }).catch((error: unknown) => {
      if (init.signal?.aborted === true) throw new Fault("canceled", "stopped", { cause: error });
      throw new Fault("unreachable", `${who} does not answer${why(error)}`, { cause: error });
    });
  };
}

/**
 * The control API of a worker elsewhere, with its admin token. Refuses `usage` for an address that is no URL, or that
 * would carry the token over the network in the clear, and for a token that cannot be read or is none; else as that
 * worker refuses. Faults: unreachable, canceled (the signal).
 */
export async function openDistantClient(
  address: string,
  token_file: string,
  signal: AbortSignal,
): Promise<Pick<ControlClient, "post"> | Rejection> {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return reject("usage", `"${address}" is not the address of a worker, such as http://127.0.0.1:6767`);
  }
  if (url.protocol === "http:" && !["127.0.0.1", "localhost", "[::1]"].includes(url.hostname)) {
    return reject("usage", `${address} would carry the token in the clear: use https, or a tunnel to this machine`);
  }
  let token: string;
  try {
    token = (await readFile(token_file, "utf8")).trim();
  } catch (error) {
    return reject("usage", `the token in ${token_file} cannot be read: ${(error as Error).message}`);
  }
  // Never quoted: it may be a token all the same, with something beside it.
  if (!/^[A-Za-z0-9_.-]+$/.test(token)) return reject("usage", `${token_file} holds no token of a worker`);
  const here = { daemon: true, work: () => {}, close: async () => {} };
  const distant = client(sender(url.origin, token, `the worker at ${url.origin}`), here);
  const limit = AbortSignal.timeout(LIMITS.engine_answer_ms);
  const known = await distant
    .get<{ readonly worker?: unknown }>("/v1/worker", AbortSignal.any([signal, limit]))
    .catch((cause: unknown) => {
      if (!limit.aborted) throw cause;
      throw new Fault("unreachable", `the worker at ${url.origin} gave no answer in time`, { cause });
    });
  if (isRejection(known)) return known;
  if (/^[0-9a-f]{64}$/.test(String(known.worker))) return distant;
  throw new Fault("unreachable", `what answers at ${url.origin} is not a worker's control API`);
}

/** What the system says of a connection that failed. */
function why(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return typeof cause?.code === "string" ? ` (${cause.code})` : "";
}

function client(send: Send, rest: Pick<ControlClient, "daemon" | "work" | "close">): ControlClient {
  const ask = async <T extends object>(path: string, init: RequestInit): Promise<T | Rejection> => {
    const response = await send(path, init);
    const value = (await readAnswer(response, path, init)) as T;
    return response.ok ? value : asRejection(value, response.status);
  };
  const init = (signal: AbortSignal | undefined): RequestInit => (signal === undefined ? {} : { signal });
  return {
    get: (path, signal) => ask(path, init(signal)),
    post: (path, body, signal) =>
      ask(path, {
        ...init(signal),
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    stream: async (path, signal) => {
      const response = await send(path, init(signal));
      if (!response.ok) return asRejection(await response.json(), response.status);
      return (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream());
    },
    ...rest,
  };
}

/** The whole answer. Fault: unreachable, where it was cut short or comes from something else than a control API. */
async function readAnswer(response: Response, path: string, { signal }: RequestInit): Promise<object> {
  const said = `the answer to ${path} (HTTP ${response.status})`;
  let value: unknown;
  try {
    value = await response.json();
  } catch (cause) {
    if (signal?.aborted === true) throw new Fault("canceled", "stopped", { cause });
    const what = cause instanceof SyntaxError ? "is not JSON: is it a worker's control API?" : "was cut short";
    throw new Fault("unreachable", `${said} ${what}`, { cause });
  }
  if (typeof value === "object" && value !== null) return value;
  throw new Fault("unreachable", `${said} is none of a worker's control API`);
}

/** An error body as the rejection it was; a code this version does not know still fails. */
function asRejection(value: unknown, status: number): Rejection {
  const { error } = value as { readonly error?: { code?: string; message?: string; details?: Rejection["details"] } };
  return reject(
    knownReason(error?.code, "internal"),
    error?.message ?? `the worker answered ${status}`,
    error?.details,
  );
}

/** Takes a rejection as a fault, for code that cannot go on without the answer. */
export function orThrow<T extends object>(answer: T | Rejection): T {
  if (isRejection(answer)) throw new Fault(answer.code, answer.message);
  return answer;
}
