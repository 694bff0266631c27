import { realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { cancellation } from "../adapters/canceled.ts";
import { type HeldProcess, holdProcess } from "../adapters/process.ts";
import type { TreeUsage } from "../adapters/process-usage.ts";
import type { RunUsage } from "../adapters/run-usage.ts";
import type { Sandbox } from "../adapters/sandbox.ts";
import type { HostAnswer, HostEmbed, HostGenerate, HostRequest, HostSetup } from "./llama-host.ts";

const HOST = resolve(import.meta.dirname, "llama-host.ts");
/** Tells Node that the host is a module. */
const PACKAGE = resolve(import.meta.dirname, "../package.json");

type Done = Extract<HostAnswer, { readonly used: unknown }>;

/** One model in a process of its own. */
export interface ModelHost {
  /**
   * Asks for one thing at a time. Its processor time, and all of its memory while it is asked, are the run's of `usage`.
   * One that does not stop within `model_cancel_ms` of its cancellation is ended. Faults: backend_failed (retryable
   * where the process died), memory_limit, cpu_limit, what the signal says.
   */
  readonly ask: (
    request: { readonly generate: HostGenerate } | { readonly embed: HostEmbed },
    call: HostCall,
  ) => Promise<Done>;
  /** Whether it can still be asked. */
  readonly isAlive: () => boolean;
  /** What it uses now; null where that is not known. */
  readonly measure: () => Promise<TreeUsage | null>;
  readonly close: () => Promise<void>;
}

export interface HostCall {
  readonly signal: AbortSignal;
  readonly usage: RunUsage;
  /** Told how many tokens were written so far. */
  readonly progress?: ((tokens: number) => void) | undefined;
}

/** Starts a host of a model's files; the model is loaded when it is first asked. Faults: those of `holdProcess`. */
export async function openModelHost(
  name: string,
  files: readonly string[],
  { threads, sandbox }: { readonly threads: number | null; readonly sandbox: Sandbox | null },
): Promise<ModelHost> {
  let under_way: { readonly id: number; readonly take: (answer: HostAnswer) => void } | null = null;
  let [asked, counted_ms, alive] = [0, 0, true];
  const library = import.meta.resolve("node-llama-cpp");
  const { model_path, read } = reachOf(files);
  const setup: HostSetup = { library, model_path, threads };
  const child: HeldProcess = await holdProcess(`llama.cpp (${name})`, [HOST, JSON.stringify(setup)], {
    sandbox,
    bounds: { read: [HOST, PACKAGE, packagesOf(library), ...read], write: [], connect: null },
  });
  const kill = (): void => {
    alive = false;
    child.kill();
  };
  child.listen(LIMITS.model_response_bytes, (line) => {
    const answer = answerOf(line);
    if (answer === null) kill();
    else if (answer.id === under_way?.id) under_way.take(answer);
  });
  void child.ended.then(() => {
    alive = false;
  });

  return {
    isAlive: () => alive,
    measure: child.measure,
    close: async () => {
      kill();
      await child.ended;
    },
    ask: (request, { signal, usage, progress }) =>
      new Promise<Done>((done, fail) => {
        asked += 1;
        const id = asked;
        const say = (said: HostRequest): void => child.send(lineOf(said));
        let over: Fault | null = null;
        const { sample, unwatch } = child.watch(usage, (why) => {
          over = why;
          kill();
        });
        let timer: NodeJS.Timeout | undefined;
        const onAbort = (): void => {
          say({ id, cancel: true });
          timer = setTimeout(kill, LIMITS.model_cancel_ms);
        };
        const end = (): void => {
          under_way = null;
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
          unwatch();
        };
        const failure = (said: string, retryable: boolean): Fault =>
          over ??
          (signal.aborted
            ? cancellation(signal, "the call to llama.cpp")
            : new Fault("backend_failed", said, { retryable }));
        under_way = {
          id,
          take: (answer) => {
            if ("tokens" in answer) {
              progress?.(answer.tokens);
              return;
            }
            const { cpu_ms, memory_bytes } = answer.used;
            sample({ cpu_ms: cpu_ms - counted_ms, memory_bytes }, `llama.cpp (${name})`);
            counted_ms = cpu_ms;
            end();
            if (over === null && !("failed" in answer)) done(answer);
            else fail(failure(`llama.cpp failed: ${"failed" in answer ? answer.failed : ""}`, false));
          },
        };
        void child.ended.then((how) => {
          if (under_way?.id !== id) return;
          end();
          fail(failure(`the process of llama.cpp died while it was at work: ${how}`, true));
        });
        signal.addEventListener("abort", onAbort, { once: true });
        say({ id, ...request });
        if (signal.aborted) onAbort();
      }),
  };
}

/**
 * The model's path without links, and what has to be read for it. Parts are found by their names, so a model in parts
 * keeps its folder's.
 */
function reachOf(files: readonly string[]): { readonly model_path: string; readonly read: readonly string[] } {
  const [first = ""] = files;
  const real = files.map((file) => realpathSync(file));
  if (real.length === 1) return { model_path: real[0] ?? "", read: real };
  const folder = realpathSync(dirname(first));
  return { model_path: join(folder, first.slice(dirname(first).length + 1)), read: [folder, ...real] };
}

/** The folder of packages that one is in, with all that it needs itself. */
function packagesOf(library: string): string {
  const path = realpathSync(fileURLToPath(library));
  return path.slice(0, path.indexOf("/node_modules/") + "/node_modules".length);
}

/** What a host says, or null where it is no answer. */
function answerOf(line: string): HostAnswer | null {
  const said = parsed(line);
  if (!isRecord(said) || !isCount(said.id)) return null;
  const { id, tokens, used, generated, embedded, failed } = said;
  if (isCount(tokens)) return { id, tokens };
  if (!isRecord(used) || !isCount(used.cpu_ms) || !isCount(used.memory_bytes)) return null;
  const told = { id, used: { cpu_ms: used.cpu_ms, memory_bytes: used.memory_bytes } };
  if (typeof failed === "string") return { ...told, failed };
  if (Array.isArray(embedded)) {
    return embedded.every((one) => typeof one === "string") ? { ...told, embedded } : null;
  }
  if (!isRecord(generated)) return null;
  const { text, tokens_in, tokens_out } = generated;
  if (typeof text !== "string" || !isCount(tokens_in) || !isCount(tokens_out)) return null;
  return { ...told, generated: { text, tokens_in, tokens_out } };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

/** One line for `node:readline`, which ends lines at U+2028 and U+2029 too; JSON leaves them as they are. */
function lineOf(said: HostRequest): string {
  return JSON.stringify(said).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
