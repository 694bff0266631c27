import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { thisMachinesSandbox } from "@oa/worker/adapters/machine-sandbox.ts";
import { openRunUsage } from "@oa/worker/adapters/run-usage.ts";
import { cappedBackends, openModelBackends } from "@oa/worker/backends/backends.ts";
import { writeTinyBert, writeTinyLlama } from "../fakes/gguf.ts";
import type { Bench } from "./run.ts";

const ROUNDS = 20;
const TOKENS = 128;
const TEXTS = Array.from({ length: 64 }, (_, at) => `open the door number ${at} and close it again `.repeat(8));
const PROMPT = "Say hello";
const signal = new AbortController().signal;

/** As much of node-llama-cpp as is used here. */
interface Library {
  readonly getLlama: (options: object) => Promise<Llama>;
  readonly LlamaChatSession: new (
    options: object,
  ) => { promptWithMeta: (prompt: string, options: object) => Promise<unknown> };
}
interface Llama {
  readonly loadModel: (options: object) => Promise<{
    readonly createContext: (options: object) => Promise<{ getSequence: () => { dispose: () => void } }>;
    readonly createEmbeddingContext: (
      options: object,
    ) => Promise<{ getEmbeddingFor: (text: string) => Promise<unknown> }>;
  }>;
  readonly dispose: () => Promise<void>;
}
interface Way {
  readonly generate: () => Promise<unknown>;
  readonly embed: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}

/**
 * What a process of its own costs: the same tiny models, one thread, in this process and in the backend's. A token of
 * theirs takes a hundredth of a real model's, so the cost of one message stands out as it never will.
 */
export async function bench(): Promise<Bench> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-bench-")));
  const [llama, bert] = [join(folder, "llama.gguf"), join(folder, "bert.gguf")];
  writeTinyLlama(llama);
  writeTinyBert(bert);
  const sandbox = await thisMachinesSandbox();
  const config = { "llama.cpp": { generate_model_path: llama, embed_model_path: bert, threads: 1 } };
  const ways: Readonly<Record<string, Way>> = {
    "in this process": await inProcess(llama, bert),
    "in one of its own": backend(openModelBackends(config)),
    [`in one of its own, ${sandbox.name}`]: backend(openModelBackends(config, { sandbox })),
  };
  const figures: Record<string, number> = {};
  const times = new Map<string, number[]>();
  const measure = async (figure: string, work: () => Promise<unknown>, share: number): Promise<void> => {
    const started_ms = performance.now();
    await work();
    times.set(figure, [...(times.get(figure) ?? []), (performance.now() - started_ms) / share]);
  };
  for (const [name, way] of Object.entries(ways))
    await measure(`first call, model and library loaded, ${name}, ms`, way.generate, 1);
  for (const way of Object.values(ways)) await way.embed();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, way] of Object.entries(ways)) {
      await measure(`a token, ${name}, ms`, way.generate, TOKENS);
      await measure(`a text's vector, 64 a call, ${name}, ms`, way.embed, TEXTS.length);
    }
  }
  for (const way of Object.values(ways)) await way.close();
  rmSync(folder, { recursive: true });
  for (const [figure, found] of times) figures[figure] = found.sort((a, b) => a - b)[found.length >> 1] ?? 0;
  return { name: `models: llama.cpp here and in a process of its own, median of ${ROUNDS}`, figures };
}

/** Bare primitive: the library as it is. */
async function inProcess(llama_path: string, bert_path: string): Promise<Way> {
  const file = resolve(import.meta.dirname, "../../worker/node_modules/node-llama-cpp/dist/index.js");
  const library: Promise<Library> = import(file);
  const open = async () => {
    const { getLlama } = await library;
    return getLlama({
      ...{ gpu: false, build: "never", skipDownload: true, progressLogs: false, maxThreads: 1 },
      logger: () => {},
    });
  };
  let opened: Promise<Llama> | undefined;
  const load = async (modelPath: string) => {
    opened ??= open();
    return (await opened).loadModel({ modelPath });
  };
  let context: ReturnType<Awaited<ReturnType<Llama["loadModel"]>>["createContext"]> | undefined;
  let embedding: ReturnType<Awaited<ReturnType<Llama["loadModel"]>>["createEmbeddingContext"]> | undefined;
  return {
    generate: async () => {
      const { LlamaChatSession } = await library;
      context ??= load(llama_path).then((model) => model.createContext({ contextSize: { max: 8_192 }, threads: 1 }));
      const contextSequence = (await context).getSequence();
      const session = new LlamaChatSession({ contextSequence, autoDisposeSequence: false });
      await session.promptWithMeta(PROMPT, { maxTokens: TOKENS, temperature: 0, onToken: () => {} });
      contextSequence.dispose();
    },
    embed: async () => {
      embedding ??= load(bert_path).then((model) =>
        model.createEmbeddingContext({ contextSize: { max: 2_048 }, threads: 1 }),
      );
      for (const text of TEXTS) await (await embedding).getEmbeddingFor(text);
    },
    close: async () => (await opened)?.dispose(),
  };
}

function backend(opened: ReturnType<typeof openModelBackends>): Way {
  const backends = cappedBackends(opened, openRunUsage());
  return {
    generate: () =>
      backends.generate({
        ...{ backend: "llama.cpp", prompt: PROMPT, max_tokens: TOKENS, temperature: 0, model: null, signal },
        progress: () => {},
      }),
    embed: () => backends.embed({ backend: "llama.cpp", texts: TEXTS, dim: null, corpus: null, signal }),
    close: () => opened.close(),
  };
}
