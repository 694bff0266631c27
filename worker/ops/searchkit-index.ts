import type { SearchkitIndexParams, SearchkitIndexResult } from "@oa/shared/generated/types.ts";
import type { GrantedTree } from "../adapters/granted-tree.ts";
import type { OpContext } from "./op.ts";

/** Brings an index up to date with a granted folder. Faults: those of the grant, disk_full, database_locked, canceled. */
export async function searchkitIndex(params: SearchkitIndexParams, context: OpContext): Promise<SearchkitIndexResult> {
  const { path, index, languages = [], include = [], exclude = [] } = params;
  const files = await context.files.tree(path);
  const tree: GrantedTree = {
    ...files,
    read: async (file, max_bytes) => {
      await context.checkpoint();
      return files.read(file, max_bytes);
    },
  };
  const scope = { languages, include, exclude };
  const stats = await context.indexes.update(index, tree, scope, context.signal, context.progress);
  const { added, changed, removed, skipped_by_reason } = stats;
  context.log("info", `index ${index}: ${added} added, ${changed} changed, ${removed} removed`, { skipped_by_reason });
  return stats;
}
