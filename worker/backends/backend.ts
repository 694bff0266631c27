import type { ModelEmbedParams, ModelGenerateParams } from "@oa/shared/generated/types.ts";
import type { TreeUsage } from "../adapters/process-usage.ts";
import type { RunUsage } from "../adapters/run-usage.ts";

export type EmbedBackendName = ModelEmbedParams["backend"];
export type GenerateBackendName = ModelGenerateParams["backend"];

export interface EmbedRequest {
  readonly texts: readonly string[];
  /** The length asked for; null: the model's own. Another length than the model's is refused: `embedding_mismatch`. */
  readonly dim: number | null;
  /** What `learn` made of the collection the texts belong to; models with fixed weights take no notice. */
  readonly corpus: Uint8Array | null;
  /**
   * Of the run that asks: what is done on this machine is counted to it. Faults: `memory_limit`, `cpu_limit`. Without a
   * run the call has caps of its own, and a time: `timeout`.
   */
  readonly usage?: RunUsage;
  readonly signal: AbortSignal;
}

export interface Embeddings {
  /** Of length 1 each, in the order of the texts. */
  readonly vectors: readonly Float32Array[];
  readonly model: string;
  readonly dim: number;
}

export interface GenerateRequest {
  readonly prompt: string;
  readonly max_tokens: number;
  readonly temperature: number | null;
  /** Another model of a server than the configured one. */
  readonly model: string | null;
  /** Told how many tokens were written so far, by a backend that can tell. */
  readonly progress?: (tokens: number) => void;
  /** As in `EmbedRequest`. */
  readonly usage?: RunUsage;
  readonly signal: AbortSignal;
}

export interface Generation {
  readonly text: string;
  readonly model: string;
  readonly tokens_in?: number;
  readonly tokens_out?: number;
}

/** One way to run a model. What cannot be done now throws `backend_unavailable`, saying what would change that. */
export interface Backend {
  readonly embed: (request: EmbedRequest) => Promise<Embeddings>;
  readonly generate: (request: GenerateRequest) => Promise<Generation>;
  /** Null when it could be used now, else the sentence that says what is missing. Loads no model. */
  readonly missing: (signal: AbortSignal) => Promise<string | null>;
  /** What its processes on this machine use now, one by one. Absent: it has none of its own. */
  readonly hosts?: () => Promise<readonly TreeUsage[]>;
  readonly close: () => Promise<void>;
}

export interface BackendStatus {
  readonly backend: EmbedBackendName;
  readonly available: boolean;
  /** Why not, or what it is. */
  readonly reason: string;
}

/** The model backends of this machine, by the names manifests use. */
export interface ModelBackends {
  readonly embed: (request: EmbedRequest & { readonly backend: EmbedBackendName }) => Promise<Embeddings>;
  readonly generate: (request: GenerateRequest & { readonly backend: GenerateBackendName }) => Promise<Generation>;
  /** Adds texts to the statistics that the backend weighs words by; null: this backend needs none. */
  readonly learn: (backend: EmbedBackendName, texts: readonly string[], corpus: Uint8Array | null) => Uint8Array | null;
  readonly available: (signal: AbortSignal) => Promise<readonly BackendStatus[]>;
  /** What each process that holds a model uses now, whoever asks it and when nobody does. */
  readonly hosts: () => Promise<readonly TreeUsage[]>;
  /** Unloads models. */
  readonly close: () => Promise<void>;
}
