import { getHeapStatistics } from "node:v8";
import { parentPort, type Transferable, Worker } from "node:worker_threads";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { TreeUsage } from "../adapters/process-usage.ts";
import type { RunUsage } from "../adapters/run-usage.ts";

/** A worker thread that answers calls in order. */
export interface Thread<Request, Answer> {
  readonly call: (request: Request, transfer?: readonly Transferable[]) => Promise<Answer>;
  /** Calls under way. */
  readonly load: () => number;
  /** Lets the calls under way finish, then ends the thread. */
  readonly close: () => Promise<void>;
  /** Ends the thread, and the calls under way with the reason. */
  readonly stop: (why: Error) => void;
}

interface Reply<Answer> {
  /** All that the thread has used so far. */
  readonly used: TreeUsage;
  readonly answer?: Answer;
  readonly failure?: { readonly message: string; readonly errcode: number | undefined };
}

/**
 * Starts the thread in `file`, which must call `serveThread` with the same types. What it has used is counted to the run
 * of `usage` after each call; where that is over a cap, the thread ends and so do its calls, with the reason. It has no
 * heap limit of its own: V8 ends the whole process where a thread passes a low one in one leap.
 */
export function openThread<Request, Answer>(
  file: URL,
  { data, usage }: { readonly data?: unknown; readonly usage: RunUsage | undefined },
): Thread<Request, Answer> {
  const worker = new Worker(file, { workerData: data });
  const waiting: { resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = [];
  let ended: Error | null = null;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.splice(0)) reject(ended);
  };
  const stop = (why: Error): void => {
    end(why);
    void worker.terminate();
  };
  const child = usage?.enter(stop, "thread");
  const gone = new Promise<void>((resolve) => worker.on("exit", () => resolve()));
  worker.on("message", (reply: Reply<Answer>) => {
    child?.sample(reply.used, "indexing");
    const call = waiting.shift();
    if (reply.failure === undefined) call?.resolve(reply.answer as Answer);
    else call?.reject(threadFailure(reply.failure));
  });
  worker.on("error", (error) => end(error instanceof Error ? error : new Error(String(error))));
  worker.on("exit", () => {
    child?.leave();
    end(new Error("the indexing thread has ended"));
  });
  return {
    call: (request, transfer = []) =>
      new Promise((resolve, reject) => {
        if (ended !== null) {
          reject(ended);
          return;
        }
        waiting.push({ resolve, reject });
        worker.postMessage({ request }, [...transfer]);
      }),
    load: () => waiting.length,
    stop,
    close: async () => {
      worker.postMessage({ close: true });
      await gone;
    },
  };
}

/** The thread's side: answers each call with what `handle` returns, and runs `close` before it ends. */
export function serveThread<Request, Answer>(
  handle: (request: Request) => Answer | Promise<Answer>,
  close: () => void = () => {},
): void {
  const port = parentPort;
  if (port === null) return;
  let queue = Promise.resolve();
  port.on("message", (message: { readonly request: Request } | { readonly close: true }) => {
    queue = queue.then(async () => {
      if ("close" in message) {
        close();
        port.close();
        return;
      }
      try {
        const answer = await handle(message.request);
        port.postMessage({ answer, used: used() });
      } catch (error) {
        const { errcode } = error as { readonly errcode?: number };
        const failure = { message: error instanceof Error ? error.message : String(error), errcode };
        port.postMessage({ failure, used: used() });
      }
    });
  });
}

/** Of this thread alone. */
function used(): TreeUsage {
  const { user, system } = process.threadCpuUsage();
  const { total_physical_size, external_memory } = getHeapStatistics();
  return { cpu_ms: (user + system) / 1_000, memory_bytes: total_physical_size + external_memory };
}

function threadFailure(failure: NonNullable<Reply<never>["failure"]>): Error {
  const cause = new Error(failure.message);
  switch ((failure.errcode ?? 0) & 0xff) {
    case 5:
    case 6:
      return new Fault("database_locked", "another process is writing this search index", { retryable: true, cause });
    case 13:
      return new Fault("disk_full", "the disk is full: the search index keeps what it had", { retryable: true, cause });
    case 11:
    case 26:
      return new Fault("search_index_damaged", "the search index's file is damaged", {
        cause,
      });
    default:
      return cause;
  }
}
