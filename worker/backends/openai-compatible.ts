import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { OpenAiBackendConfig } from "@oa/shared/generated/types.ts";
import { cancellation } from "../adapters/canceled.ts";
import type { Egress } from "../adapters/egress.ts";
import type { Backend } from "./backend.ts";
import { unitVector } from "./unit-vector.ts";

export type ServerName = "ollama" | "mlx" | "foundation_models";

const START: Readonly<Record<ServerName, string>> = {
  ollama: "start it with `ollama serve`",
  mlx: "start it with `mlx_lm.server`",
  foundation_models: "start it with `apfel --serve`",
};

/** A server that speaks OpenAI's API, found at the base URL its owner configured. */
export function openOpenAiCompatible(
  name: ServerName,
  config: OpenAiBackendConfig | undefined,
  egressTo: (base_url: string) => Pick<Egress, "fetch">,
): Backend {
  const settings = (): OpenAiBackendConfig => {
    if (config === undefined) throw new Fault("backend_unavailable", notConfigured(name));
    return config;
  };
  const provider = async (timeout_ms: number) => {
    const { base_url } = settings();
    const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
    return createOpenAICompatible({ name, baseURL: base_url, fetch: fetchThrough(egressTo(base_url), timeout_ms) });
  };
  const failure = (error: unknown, signal: AbortSignal): unknown =>
    signal.aborted ? cancellation(signal, `the call to ${name}`) : asFault(error, name, config?.base_url ?? "");

  return {
    embed: async ({ texts, dim, signal }) => {
      const model = settings().embed_model;
      if (model === undefined) throw new Fault("backend_unavailable", notSet(name, "embed_model"));
      const { embedMany } = await import("ai");
      try {
        const { embeddings } = await embedMany({
          model: (await provider(LIMITS.model_call_ms)).embeddingModel(model),
          values: [...texts],
          maxRetries: 0,
          maxParallelCalls: 1,
          abortSignal: signal,
        });
        const vectors = embeddings.map((values) => unitVector(values, dim, `${name} (${model})`));
        return { vectors, model, dim: vectors[0]?.length ?? dim ?? 0 };
      } catch (error) {
        throw failure(error, signal);
      }
    },
    generate: async ({ prompt, max_tokens, temperature, model: hint, signal }) => {
      const model = hint ?? settings().generate_model;
      if (model === undefined) throw new Fault("backend_unavailable", notSet(name, "generate_model"));
      const { generateText } = await import("ai");
      try {
        const { text, usage } = await generateText({
          model: (await provider(LIMITS.model_call_ms))(model),
          prompt,
          maxOutputTokens: max_tokens,
          maxRetries: 0,
          abortSignal: signal,
          ...(temperature === null ? {} : { temperature }),
        });
        return {
          text,
          model,
          ...(usage.inputTokens === undefined ? {} : { tokens_in: usage.inputTokens }),
          ...(usage.outputTokens === undefined ? {} : { tokens_out: usage.outputTokens }),
        };
      } catch (error) {
        throw failure(error, signal);
      }
    },
    missing: async (signal) => {
      if (config === undefined) return notConfigured(name);
      if (config.embed_model === undefined && config.generate_model === undefined) {
        return notSet(name, "generate_model or embed_model");
      }
      try {
        await egressTo(config.base_url).fetch({
          url: `${config.base_url.replace(/\/$/, "")}/models`,
          method: "GET",
          headers: {},
          timeout_ms: LIMITS.model_probe_ms,
          max_bytes: LIMITS.model_response_bytes,
          signal,
        });
        return null;
      } catch (error) {
        const fault = failure(error, signal);
        if (fault instanceof Fault && fault.code !== "canceled") return fault.message;
        throw fault;
      }
    },
    close: async () => {},
  };
}

function notConfigured(name: ServerName): string {
  return `${name} is not configured: set backends.${name}.base_url and its models in config.json`;
}

function notSet(name: ServerName, field: string): string {
  return `${name} has no such model configured: set backends.${name}.${field} in config.json`;
}

/** The AI SDK's requests, sent through the egress that reaches the configured server and nothing else. */
function fetchThrough(egress: Pick<Egress, "fetch">, timeout_ms: number): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const answer = await egress.fetch({
      url: request.url,
      method: request.method,
      headers: Object.fromEntries(request.headers),
      ...(request.body === null ? {} : { body: new Uint8Array(await request.arrayBuffer()) }),
      timeout_ms,
      max_bytes: LIMITS.model_response_bytes,
      signal: init?.signal ?? request.signal,
    });
    return new Response(answer.body.slice(), { status: answer.status, headers: { ...answer.headers } });
  };
}

function asFault(error: unknown, name: ServerName, base_url: string): Fault {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof Fault)) continue;
    if (!at.code.startsWith("egress_")) return at;
    return new Fault(
      "backend_unavailable",
      `${name} does not answer at ${base_url} (${at.message}): ${START[name]}, or change backends.${name}.base_url`,
      { retryable: at.retryable, cause: at },
    );
  }
  const { statusCode, message } = error as { readonly statusCode?: number; readonly message?: string };
  const said = (message ?? String(error)).split("\n")[0]?.slice(0, 300);
  const status = statusCode === undefined ? "" : ` with HTTP ${statusCode}`;
  return new Fault("backend_failed", `${name} at ${base_url} failed${status}: ${said}`, {
    retryable: statusCode === undefined || statusCode >= 500 || statusCode === 429,
    cause: error,
  });
}
