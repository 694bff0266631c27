/**
 * Runs one GGUF model with llama.cpp, in a process of its own: what the native library takes, and what it dies of, is
 * this process's. The one argument is JSON, a `HostSetup`; requests are lines of JSON on stdin, answers are on stdout.
 * The model is loaded by the first request. It ends with its stdin.
 */
import { createInterface } from "node:readline";
import type { Llama, LlamaContext, LlamaEmbeddingContext, LlamaModel } from "node-llama-cpp";

export interface HostSetup {
  /** Where node-llama-cpp is, as a URL. */
  readonly library: string;
  readonly model_path: string;
  readonly threads: number | null;
}

export interface HostGenerate {
  readonly prompt: string;
  readonly max_tokens: number;
  readonly temperature: number | null;
}

export interface HostEmbed {
  readonly texts: readonly string[];
}

/** `id` counts up; one request at a time is worked on. */
export type HostRequest = { readonly id: number } & (
  | { readonly generate: HostGenerate }
  | { readonly embed: HostEmbed }
  | { readonly cancel: true }
);

export interface HostGeneration {
  readonly text: string;
  readonly tokens_in: number;
  readonly tokens_out: number;
}

/** Any number of `tokens`, so many as are written by then, then one of the others; `used`: by this process since it began. */
export type HostAnswer = { readonly id: number } & (
  | { readonly tokens: number }
  | ({ readonly used: HostUsage } & (
      | { readonly generated: HostGeneration }
      /** Base64 of little-endian 32-bit floats, one a text. */
      | { readonly embedded: readonly string[] }
      | { readonly failed: string }
    ))
);

export interface HostUsage {
  readonly cpu_ms: number;
  readonly memory_bytes: number;
}

const GENERATE_CONTEXT = 8_192;
const EMBED_CONTEXT = 2_048;

const setup = JSON.parse(process.argv[2] ?? "") as HostSetup;
const threading = setup.threads === null ? {} : { threads: setup.threads };
const canceled = new Map<number, AbortController>();
let model: Promise<LlamaModel> | null = null;
let writing: Promise<LlamaContext> | null = null;
let embedding: Promise<LlamaEmbeddingContext> | null = null;

createInterface({ input: process.stdin })
  .on("line", (line) => void take(JSON.parse(line) as HostRequest))
  // At once: the worker is gone, and nothing here is to be kept.
  .on("close", () => process.exit(0));

async function take(request: HostRequest): Promise<void> {
  const { id } = request;
  if ("cancel" in request) {
    canceled.get(id)?.abort();
    return;
  }
  const stop = new AbortController();
  canceled.set(id, stop);
  try {
    const done =
      "generate" in request
        ? { generated: await generate(request.generate, stop.signal, (tokens) => say({ id, tokens })) }
        : { embedded: await embed(request.embed, stop.signal) };
    say({ id, ...done, used: used() });
  } catch (error) {
    say({ id, failed: error instanceof Error ? error.message : String(error), used: used() });
  } finally {
    canceled.delete(id);
  }
}

async function generate(
  { prompt, max_tokens, temperature }: HostGenerate,
  signal: AbortSignal,
  onTokens: (tokens_out: number) => void,
): Promise<HostGeneration> {
  const { LlamaChatSession } = await library();
  const loaded = await load(signal);
  writing ??= kept(
    loaded.createContext({ createSignal: signal, contextSize: { max: GENERATE_CONTEXT }, ...threading }),
    () => {
      writing = null;
    },
  );
  const sequence = (await writing).getSequence();
  let tokens_out = 0;
  try {
    const session = new LlamaChatSession({ contextSequence: sequence, autoDisposeSequence: false });
    const { responseText } = await session.promptWithMeta(prompt, {
      maxTokens: max_tokens,
      signal,
      onToken: (tokens) => {
        tokens_out += tokens.length;
        onTokens(tokens_out);
      },
      ...(temperature === null ? {} : { temperature }),
    });
    return { text: responseText, tokens_in: loaded.tokenize(prompt).length, tokens_out };
  } finally {
    sequence.dispose();
  }
}

/** A text that is longer than the model's context is cut. */
async function embed({ texts }: HostEmbed, signal: AbortSignal): Promise<readonly string[]> {
  const loaded = await load(signal);
  embedding ??= kept(
    loaded.createEmbeddingContext({ createSignal: signal, contextSize: { max: EMBED_CONTEXT }, ...threading }),
    () => {
      embedding = null;
    },
  );
  const context = await embedding;
  const room = Math.min(loaded.trainContextSize, EMBED_CONTEXT) - 2;
  const vectors: string[] = [];
  for (const text of texts) {
    signal.throwIfAborted();
    const { vector } = await context.getEmbeddingFor(loaded.tokenize(text).slice(0, room));
    vectors.push(Buffer.from(Float32Array.from(vector).buffer).toString("base64"));
  }
  return vectors;
}

function load(signal: AbortSignal): Promise<LlamaModel> {
  model ??= kept(
    openLlama().then((llama) => llama.loadModel({ modelPath: setup.model_path, loadSignal: signal })),
    () => {
      model = null;
    },
  );
  return model;
}

/** What could not be made is made anew by the next request. */
async function kept<T>(made: Promise<T>, forget: () => void): Promise<T> {
  try {
    return await made;
  } catch (error) {
    forget();
    throw error;
  }
}

/** Nothing is compiled or downloaded. */
async function openLlama(): Promise<Llama> {
  const { getLlama, LlamaLogLevel } = await library();
  return getLlama({
    gpu: process.platform === "darwin" ? "auto" : false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
    // Its messages would end up among the answers; what goes wrong is thrown as well.
    logger: () => {},
    ...(setup.threads === null ? {} : { maxThreads: setup.threads }),
  });
}

function library(): Promise<typeof import("node-llama-cpp")> {
  return import(setup.library);
}

function used(): HostUsage {
  const { user, system } = process.cpuUsage();
  return { cpu_ms: (user + system) / 1_000, memory_bytes: process.memoryUsage.rss() };
}

function say(answer: HostAnswer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
