import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { BackendsConfig } from "@oa/shared/generated/types.ts";
import type { Llama, LlamaContext, LlamaEmbeddingContext, LlamaModel } from "node-llama-cpp";
import { cancellation, throwIfCanceled } from "../adapters/canceled.ts";
import type { Backend } from "./backend.ts";
import { unitVector } from "./unit-vector.ts";

type Config = NonNullable<BackendsConfig["llama.cpp"]>;
type ModelField = "generate_model_path" | "embed_model_path";

interface Loaded<Context> {
  readonly model: LlamaModel;
  readonly context: Context;
  readonly name: string;
}

/**
 * llama.cpp in this process, through node-llama-cpp's own binaries; nothing is compiled or downloaded. A model is
 * loaded on first use, used by one call at a time and unloaded when idle.
 */
export function openLlamaCpp(
  config: Config | undefined,
  { idle_ms = LIMITS.model_idle_ms }: { readonly idle_ms?: number } = {},
): Backend {
  let llama: Promise<Llama> | null = null;
  let generator: Loaded<LlamaContext> | null = null;
  let embedder: Loaded<LlamaEmbeddingContext> | null = null;
  let queue: Promise<unknown> = Promise.resolve();
  let idle: NodeJS.Timeout | null = null;
  const threading = config?.threads === undefined ? {} : { threads: config.threads };

  const unload = async (): Promise<void> => {
    const held = llama;
    llama = generator = embedder = null;
    // Disposing of the library disposes of its models and contexts.
    if (held !== null) await (await held).dispose();
  };
  const runAlone = <T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> => {
    if (idle !== null) clearTimeout(idle);
    const turn = queue.then(async () => {
      throwIfCanceled(signal, "the call to llama.cpp");
      try {
        return await body();
      } catch (error) {
        if (signal.aborted) throw cancellation(signal, "the call to llama.cpp");
        if (error instanceof Fault) throw error;
        const said = error instanceof Error ? error.message : String(error);
        throw new Fault("backend_failed", `llama.cpp failed: ${said}`, { cause: error });
      }
    });
    queue = turn.then(rest, rest);
    return turn;
  };
  const rest = (): void => {
    if (idle !== null) clearTimeout(idle);
    idle = setTimeout(() => {
      queue = queue.then(unload);
    }, idle_ms);
    idle.unref();
  };
  const library = (): Promise<Llama> => {
    llama ??= import("node-llama-cpp").then(({ getLlama, LlamaLogLevel }) =>
      getLlama({
        gpu: process.platform === "darwin" ? "auto" : false,
        build: "never",
        skipDownload: true,
        progressLogs: false,
        logLevel: LlamaLogLevel.error,
        // Its messages would end up on stdout; what goes wrong is thrown as well.
        logger: () => {},
        ...(config?.threads === undefined ? {} : { maxThreads: config.threads }),
      }),
    );
    return llama;
  };
  const load = async <Context>(
    field: ModelField,
    { signal, memory_bytes }: { readonly signal: AbortSignal; readonly memory_bytes: number | undefined },
    open: (model: LlamaModel) => Promise<Context>,
  ): Promise<Loaded<Context>> => {
    const path = modelPath(config, field);
    refuseLarge(path, memory_bytes);
    const model = await (await library()).loadModel({ modelPath: path, loadSignal: signal });
    return { model, context: await open(model), name: basename(path, ".gguf") };
  };

  return {
    embed: ({ texts, dim, signal, memory_bytes }) =>
      runAlone(signal, async () => {
        embedder ??= await load("embed_model_path", { signal, memory_bytes }, (model) =>
          model.createEmbeddingContext({ createSignal: signal, contextSize: { max: 2_048 }, ...threading }),
        );
        const { model, context, name } = embedder;
        const room = Math.min(model.trainContextSize, 2_048) - 2;
        const vectors: Float32Array[] = [];
        for (const text of texts) {
          throwIfCanceled(signal, "the call to llama.cpp");
          const { vector } = await context.getEmbeddingFor(model.tokenize(text).slice(0, room));
          vectors.push(unitVector(vector, dim, name));
        }
        return { vectors, model: name, dim: vectors[0]?.length ?? dim ?? 0 };
      }),
    generate: ({ prompt, max_tokens, temperature, signal, memory_bytes }) =>
      runAlone(signal, async () => {
        generator ??= await load("generate_model_path", { signal, memory_bytes }, (model) =>
          model.createContext({ createSignal: signal, contextSize: { max: 8_192 }, ...threading }),
        );
        const { model, context, name } = generator;
        const { LlamaChatSession } = await import("node-llama-cpp");
        const sequence = context.getSequence();
        let tokens_out = 0;
        try {
          const session = new LlamaChatSession({ contextSequence: sequence, autoDisposeSequence: false });
          const { responseText } = await session.promptWithMeta(prompt, {
            maxTokens: max_tokens,
            signal,
            onToken: (tokens) => {
              tokens_out += tokens.length;
            },
            ...(temperature === null ? {} : { temperature }),
          });
          return { text: responseText, model: name, tokens_in: model.tokenize(prompt).length, tokens_out };
        } finally {
          sequence.dispose();
        }
      }),
    missing: async () => {
      const fields = ["generate_model_path", "embed_model_path"] as const;
      const set = fields.filter((field) => config?.[field] !== undefined);
      const reasons = (set.length > 0 ? set : fields).map((field) => absence(config, field));
      return reasons.find((reason) => reason === null) === null ? null : (reasons[0] ?? null);
    },
    close: async () => {
      if (idle !== null) clearTimeout(idle);
      await queue;
      if (idle !== null) clearTimeout(idle);
      await unload();
    },
  };
}

function modelPath(config: Config | undefined, field: ModelField): string {
  const absent = absence(config, field);
  if (absent !== null) throw new Fault("backend_unavailable", absent);
  return expand(config?.[field] ?? "");
}

/**
 * A model takes at least the size of its files; what its context takes besides is found out while it runs.
 * Fault: memory_limit.
 */
function refuseLarge(path: string, memory_bytes: number = Number.POSITIVE_INFINITY): void {
  const [, stem = "", parts = ""] = /^(.*)-\d{5}-of-(\d{5})\.gguf$/.exec(path) ?? [];
  const files = Array.from({ length: Number(parts) }, (_, index) => {
    return `${stem}-${String(index + 1).padStart(5, "0")}-of-${parts}.gguf`;
  });
  const bytes = (files.length === 0 ? [path] : files).reduce(
    (total, file) => total + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
  if (bytes <= memory_bytes) return;
  const [needs, most] = [bytes, memory_bytes].map((size) => `${Math.ceil(size / 1_048_576)} MiB`);
  const message = `the model "${path}" takes at least ${needs} of memory, and a run may use ${most}: choose a smaller one, or raise run_caps.memory_mb`;
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
