import { LIMITS } from "@oa/shared/core/limits.ts";
import type { ModelEmbedParams, ModelEmbedResult } from "@oa/shared/generated/types.ts";
import type { OpContext } from "./op.ts";

/**
 * Embeds the passages of an index that have no vector yet, or given texts. Faults: backend_unavailable, backend_failed,
 * embedding_mismatch (the model's vectors have another length), search_index_missing, canceled.
 */
export async function modelEmbed(params: ModelEmbedParams, context: OpContext): Promise<ModelEmbedResult> {
  const { backends, indexes, signal, progress } = context;
  const { backend, dim = null, index, texts = [] } = params;
  if (index !== undefined) {
    const embedder = {
      backend,
      dim,
      embed: async (passages: readonly string[], corpus: Uint8Array | null) => {
        await context.checkpoint();
        return backends.embed({ backend, texts: passages, dim, corpus, signal });
      },
      learn: (passages: readonly string[], corpus: Uint8Array | null) => backends.learn(backend, passages, corpus),
    };
    const { embedded, total, spec } = await indexes.embed(index, embedder, signal, progress);
    return { embedded, total, dim: spec.dim, model: spec.model };
  }
  const vectors: number[][] = [];
  let made = { dim: dim ?? 0, model: "" };
  for (let at = 0; at < texts.length; at += LIMITS.embed_batch) {
    await context.checkpoint();
    const batch = texts.slice(at, at + LIMITS.embed_batch) as readonly string[];
    const answer = await backends.embed({ backend, texts: batch, dim, corpus: null, signal });
    made = { dim: answer.dim, model: answer.model };
    // Six digits are all a Float32 has to say; a step result is bounded.
    vectors.push(...answer.vectors.map((vector) => Array.from(vector, (value) => Number(value.toFixed(6)))));
    progress(vectors.length, texts.length, "texts");
  }
  return { embedded: vectors.length, total: vectors.length, ...made, vectors };
}
