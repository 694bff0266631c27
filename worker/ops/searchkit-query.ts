import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { SearchkitQueryParams, SearchkitQueryResult } from "@oa/shared/generated/types.ts";
import type { EmbedBackendName, ModelBackends } from "../backends/backend.ts";
import type { SearchIndexes } from "../searchkit/indexes.ts";
import type { SourceTree } from "../searchkit/source.ts";
import type { OpContext } from "./op.ts";

/**
 * Searches one index (`index` null: the one completed last) and says how fresh it is. Every exact match is among the
 * hits, up to `LIMITS.search_exact_hits`. `treeOf` opens the indexed folder for comparison; null where it may not or
 * cannot be read. Faults: search_index_missing, search_index_unfinished, search_query_invalid, canceled.
 */
export async function answerSearch(
  request: { readonly index: string | null; readonly query: string; readonly limit?: number | undefined },
  ports: {
    readonly indexes: SearchIndexes;
    readonly backends: ModelBackends;
    readonly treeOf: (root: string) => Promise<SourceTree | null>;
    readonly signal: AbortSignal;
  },
): Promise<SearchkitQueryResult> {
  const { indexes, backends, treeOf, signal } = ports;
  const { hits, text, exact_matches_total, index, vectors } = await indexes.query(request.index, request.query, {
    limit: request.limit ?? LIMITS.search_hits_default,
    embed: async (spec, corpus, query) => {
      const backend = spec.backend as EmbedBackendName;
      const made = await backends.embed({ backend, texts: [query], dim: spec.dim, corpus, signal });
      const [vector] = made.vectors;
      if (vector !== undefined && made.model === spec.model) return vector;
      throw new Fault(
        "embedding_mismatch",
        `the index was embedded with ${spec.model}, ${backend} now runs ${made.model}: run model.embed again`,
      );
    },
  });
  const tree = await treeOf(index.root);
  const stale_files = tree === null ? null : await indexes.stale(index.name, tree, signal);
  const { name, commit, skipped_files, finished_at } = index;
  return { hits, text, exact_matches_total, index: { name, commit, stale_files, skipped_files, finished_at, vectors } };
}

/**
 * Searches an index whose folder the run may read: what is in an index is what was in the folder, so without that
 * grant the answer would leak it. The hits are cut to what a step's result may hold; the total still counts all.
 */
export async function searchkitQuery(params: SearchkitQueryParams, context: OpContext): Promise<SearchkitQueryResult> {
  const { indexes, backends, files, signal } = context;
  const { root } = indexes.describe(params.index);
  await files.resolve(root, "read");
  const answer = await answerSearch(params, { indexes, backends, signal, treeOf: (path) => files.tree(path) });
  return { ...answer, hits: answer.hits.slice(0, LIMITS.search_step_hits) };
}
