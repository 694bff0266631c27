import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { BackendsConfig } from "@oa/shared/generated/types.ts";
import { type Egress, openEgress } from "../adapters/egress.ts";
import { openRunUsage, type RunUsage, type UsageCaps } from "../adapters/run-usage.ts";
import type { Backend, EmbedBackendName, ModelBackends } from "./backend.ts";
import { embedLexical, LEXICAL_MODEL, learnLexical } from "./lexical-v1.ts";
import { type LlamaCppOptions, openLlamaCpp, sandboxOf } from "./llama-cpp.ts";
import { openOpenAiCompatible } from "./openai-compatible.ts";

/** What a call that is for no run may take, and how long it may last, its wait for a turn included. */
export interface OwnCaps extends UsageCaps {
  readonly time_ms: number;
}

const OWN_CAPS: OwnCaps = {
  memory_bytes: LIMITS.run_memory_bytes,
  cpu_ms: LIMITS.own_model_cpu_ms,
  time_ms: LIMITS.own_model_ms,
};

export interface ModelBackendsOptions extends LlamaCppOptions {
  /** Of calls that are for no run, where it is not `LIMITS`' own. */
  readonly own_caps?: Partial<OwnCaps>;
}

/** Opens the backends the owner configured. Nothing is started, loaded or contacted before it is used. */
export function openModelBackends(config: BackendsConfig, options: ModelBackendsOptions = {}): ModelBackends {
  const own = { ...OWN_CAPS, ...options.own_caps };
  const backends: Readonly<Record<EmbedBackendName, Backend>> = {
    "lexical-v1": {
      embed: async (request) => computing(request.usage, () => embedLexical(request)),
      generate: async () => {
        throw new Fault("backend_unavailable", "lexical-v1 makes vectors, not text: name another backend");
      },
      missing: async () => null,
      close: async () => {},
    },
    "llama.cpp": openLlamaCpp(config["llama.cpp"], options),
    ollama: openOpenAiCompatible("ollama", config.ollama, egressTo),
    mlx: openOpenAiCompatible("mlx", config.mlx, egressTo),
    foundation_models: openOpenAiCompatible("foundation_models", config.foundation_models, egressTo),
  };
  const names = Object.keys(backends) as readonly EmbedBackendName[];
  return {
    embed: ({ backend, ...request }) => bounded(backend, request, own, backends[backend].embed),
    generate: ({ backend, ...request }) => bounded(backend, request, own, backends[backend].generate),
    learn: (backend, texts, corpus) => (backend === LEXICAL_MODEL ? learnLexical(texts, corpus) : null),
    available: (signal) =>
      Promise.all(
        names.map(async (backend) => {
          const missing = await backends[backend].missing(signal);
          return { backend, available: missing === null, reason: missing ?? what(backend, config, options) };
        }),
      ),
    hosts: async () => (await Promise.all(names.map((name) => backends[name].hosts?.() ?? []))).flat(),
    close: async () => {
      await Promise.all(names.map((name) => backends[name].close()));
    },
  };
}

/** The same backends for one run: what they take of this machine is the run's, and within its caps. */
export function cappedBackends(backends: ModelBackends, usage: RunUsage): ModelBackends {
  return {
    ...backends,
    embed: (request) => backends.embed({ ...request, usage }),
    generate: (request) => backends.generate({ ...request, usage }),
    learn: (...texts) => computing(usage, () => backends.learn(...texts)),
  };
}

/**
 * A call of a run is within the run's caps and its step's time; any other within `own`. Faults: timeout, and those of the
 * work, `memory_limit` and `cpu_limit` among them.
 */
async function bounded<Request extends { readonly usage?: RunUsage; readonly signal: AbortSignal }, Answer>(
  backend: EmbedBackendName,
  request: Request,
  own: OwnCaps,
  work: (request: Request) => Promise<Answer>,
): Promise<Answer> {
  if (request.usage !== undefined) return work(request);
  const deadline = AbortSignal.timeout(own.time_ms);
  const late = (): Fault =>
    new Fault("timeout", `${backend} did not answer within ${own.time_ms / 1_000} s, which a call for no run may take`);
  // One that only waits for its turn behind a run's call is not kept waiting for that.
  const over = new Promise<never>((_, fail) => {
    deadline.addEventListener("abort", () => fail(late()), { once: true });
  });
  const signal = AbortSignal.any([request.signal, deadline]);
  const done = work({ ...request, signal, usage: openRunUsage(own, "a call for no run") });
  return Promise.race([done, over]).catch((error: unknown) => {
    throw deadline.aborted && !request.signal.aborted ? late() : error;
  });
}

function computing<T>(usage: RunUsage | undefined, work: () => T): T {
  return usage === undefined ? work() : usage.compute(LEXICAL_MODEL, work);
}

function what(backend: EmbedBackendName, config: BackendsConfig, options: LlamaCppOptions): string {
  switch (backend) {
    case "lexical-v1":
      return "built in; finds shared words and parts of words, knows no meaning";
    case "llama.cpp":
      return `runs GGUF models, each in a process of its own (sandbox: ${sandboxOf(options)?.name ?? "none"})`;
    case "ollama":
    case "mlx":
    case "foundation_models":
      return `answers at ${config[backend]?.base_url ?? ""}`;
  }
}

/**
 * The owner's own setting is the grant: exactly this server, wherever it is, and nothing else. It is the owner's, so it
 * is asked as often as there is work.
 */
function egressTo(base_url: string): Pick<Egress, "fetch"> {
  const { hostname, port, protocol } = new URL(base_url);
  const address = `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
  return openEgress([`network:egress:${address}`], { private_allow: [address], rate: { take: () => {} } });
}
