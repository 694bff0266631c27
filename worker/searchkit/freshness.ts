import { createHash } from "node:crypto";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { holdsSecret } from "@oa/shared/core/secrets.ts";
import type { IndexDatabase } from "./database.ts";
import { type KnownFile, knownFiles, untouched } from "./known-files.ts";
import { isSecretName } from "./secrets.ts";
import { filesInScope, readOrNull, type Scope, type SourceFile, type SourceTree } from "./source.ts";

/**
 * How many files an update would change now: changed, new and gone ones. Size and time decide where they can, content
 * where they cannot; beyond `LIMITS.search_stale_reads` reads, a file that looks changed counts as changed.
 */
export async function staleFiles(
  db: IndexDatabase,
  tree: SourceTree,
  scope: Scope,
  signal: AbortSignal,
): Promise<number> {
  const known = await knownFiles(db);
  const seen = new Set<string>();
  let stale = 0;
  let reads = 0;
  for await (const file of filesInScope(tree, scope, signal)) {
    seen.add(file.path);
    const before = known.get(file.path);
    if (before !== undefined && untouched(before, file)) continue;
    reads += 1;
    if (reads > LIMITS.search_stale_reads || (await differs(tree, file, before))) stale += 1;
  }
  for (const { path, state } of known.values()) if (state === "indexed" && !seen.has(path)) stale += 1;
  return stale;
}

async function differs(tree: SourceTree, file: SourceFile, before: KnownFile | undefined): Promise<boolean> {
  const searchable = before?.state === "indexed";
  if (isSecretName(file.path) || file.size_bytes > LIMITS.search_file_bytes) return searchable;
  const bytes = await readOrNull(tree, file.path, LIMITS.search_file_bytes);
  if (bytes === null || bytes.includes(0)) return searchable;
  if (before !== undefined && before.sha256 === createHash("sha256").update(bytes).digest("hex")) return false;
  return searchable || !holdsSecret(new TextDecoder().decode(bytes));
}
