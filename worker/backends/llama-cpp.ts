import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { BackendsConfig } from "@oa/shared/generated/types.ts";
import { throwIfCanceled } from "../adapters/canceled.ts";
import { openRunUsage, type RunUsage } from "../adapters/run-usage.ts";
import type { Sandbox } from "../adapters/sandbox.ts";
import type { Backend } from "./backend.ts";
import { type HostCall, type ModelHost, openModelHost } from "./model-host.ts";
import { unitVector } from "./unit-vector.ts";

type Config = NonNullable<BackendsConfig["llama.cpp"]>;
type ModelField = "generate_model_path" | "embed_model_path";

export interface LlamaCppOptions {
  /** How long a model that nobody asks stays loaded. */
  readonly idle_ms?: number;
  /** This machine's. */
  readonly sandbox?: Sandbox;
}

/** What models run in: on macOS nothing, since the sandbox there would keep them from the GPU. */
export function sandboxOf({ sandbox }: LlamaCppOptions): Sandbox | null {
  return sandbox?.name === "bubblewrap" ? sandbox : null;
}

/**
 * llama.cpp through node-llama-cpp's own binaries, each model in a process of its own, so that a crash of the native
 * library is a failed call and what it takes is counted to the run that asks. A model is loaded on first use, used by one
 * call at a time and ended when idle.
 */
export function openLlamaCpp(config: Config | undefined, options: LlamaCppOptions = {}): Backend {
  const { idle_ms = LIMITS.model_idle_ms } = options;
  const hosts = new Map<ModelField, ModelHost>();
  let queue: Promise<unknown> = Promise.resolve();
  let idle: NodeJS.Timeout | null = null;

  const unload = async (): Promise<void> => {
    const held = [...hosts.values()];
    hosts.clear();
    await Promise.all(held.map((host) => host.close()));
  };
  const rest = (): void => {
    if (idle !== null) clearTimeout(idle);
    idle = setTimeout(() => {
      queue = queue.then(unload);
    }, idle_ms);
    idle.unref();
  };
  /** The host of a model, once it is this call's turn. */
  const runAlone = <T>(
    field: ModelField,
    { signal, usage }: HostCall,
    body: (host: ModelHost, name: string) => Promise<T>,
  ): Promise<T> => {
    if (idle !== null) clearTimeout(idle);
    const turn = queue.then(async () => {
      throwIfCanceled(signal, "the call to llama.cpp");
      const path = modelPath(config, field);
      const files = filesOf(path);
      refuseLarge(path, files, usage);
      const name = basename(path, ".gguf");
      let host = hosts.get(field);
      if (host === undefined || !host.isAlive()) {
        host = await openModelHost(name, files, { threads: config?.threads ?? null, sandbox: sandboxOf(options) });
        hosts.set(field, host);
      }
      return body(host, name);
    });
    queue = turn.then(rest, rest);
    return turn;
  };

  return {
    embed: ({ texts, dim, signal, usage = openRunUsage() }) =>
      runAlone("embed_model_path", { signal, usage }, async (host, name) => {
        const answer = await host.ask({ embed: { texts } }, { signal, usage });
        const made = "embedded" in answer ? answer.embedded : [];
        if (made.length !== texts.length) throw unanswered(name);
        const vectors = made.map((base64) => unitVector(numbersOf(base64), dim, name));
        return { vectors, model: name, dim: vectors[0]?.length ?? dim ?? 0 };
      }),
    generate: ({ prompt, max_tokens, temperature, signal, usage = openRunUsage(), progress }) =>
      runAlone("generate_model_path", { signal, usage }, async (host, name) => {
        const generate = { prompt, max_tokens, temperature };
        const answer = await host.ask({ generate }, { signal, usage, progress });
        if (!("generated" in answer)) throw unanswered(name);
        return { ...answer.generated, model: name };
      }),
    missing: async () => {
      const fields = ["generate_model_path", "embed_model_path"] as const;
      const set = fields.filter((field) => config?.[field] !== undefined);
      const reasons = (set.length > 0 ? set : fields).map((field) => absence(config, field));
      return reasons.find((reason) => reason === null) === null ? null : (reasons[0] ?? null);
    },
    hosts: async () => {
      const alive = [...hosts.values()].filter((host) => host.isAlive());
      return (await Promise.all(alive.map((host) => host.measure()))).filter((usage) => usage !== null);
    },
    close: async () => {
      if (idle !== null) clearTimeout(idle);
      await queue;
      if (idle !== null) clearTimeout(idle);
      await unload();
    },
  };
}

function unanswered(name: string): Fault {
  return new Fault("backend_failed", `the process of llama.cpp (${name}) answered something else`, { retryable: true });
}

function numbersOf(base64: string): readonly number[] {
  const bytes = Buffer.from(base64, "base64");
  return Array.from({ length: bytes.length >> 2 }, (_, at) => bytes.readFloatLE(at * 4));
}

function modelPath(config: Config | undefined, field: ModelField): string {
  const absent = absence(config, field);
  if (absent !== null) throw new Fault("backend_unavailable", absent);
  return expand(config?.[field] ?? "");
}

/** All files of a model that comes in parts. */
function filesOf(path: string): readonly string[] {
  const [, stem, parts] = /^(.*)-\d{5}-of-(\d{5})\.gguf$/.exec(path) ?? [];
  if (parts === undefined) return [path];
  const name = (part: number): string => `${stem}-${String(part).padStart(5, "0")}-of-${parts}.gguf`;
  return Array.from({ length: Number(parts) }, (_, index) => name(index + 1));
}

/**
 * A model takes at least the size of its files; what its context takes besides is found out while it runs.
 * Fault: memory_limit.
 */
function refuseLarge(path: string, files: readonly string[], { caps: { memory_bytes }, who }: RunUsage): void {
  const bytes = files.reduce((total, file) => total + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
  if (bytes <= memory_bytes) return;
  const [needs, most] = [bytes, memory_bytes].map((size) => `${Math.ceil(size / 1_048_576)} MiB`);
  const message = `the model "${path}" takes at least ${needs} of memory, and ${who} may use ${most}: choose a smaller one, or raise run_caps.memory_mb`;
  throw new Fault("memory_limit", message);
}

function absence(config: Config | undefined, field: ModelField): string | null {
  const path = config?.[field];
  if (path === undefined)
    return `llama.cpp has no model: set backends["llama.cpp"].${field} in config.json to a GGUF file`;
  if (existsSync(expand(path))) return null;
  return `llama.cpp's model "${path}" does not exist: correct backends["llama.cpp"].${field} in config.json`;
}

function expand(path: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}
