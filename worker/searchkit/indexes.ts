import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { throwIfCanceled } from "../adapters/canceled.ts";
import type { RunUsage } from "../adapters/run-usage.ts";
import { type IndexDatabase, openIndexReader, openIndexWriter } from "./database.ts";
import { staleFiles } from "./freshness.ts";
import { checkQuery, type Found, search } from "./query.ts";
import type { Scope, SourceTree } from "./source.ts";
import { type IndexStats, type Progress, updateIndex } from "./update.ts";
import {
  type Embedder,
  type EmbeddingSpec,
  embeddingOf,
  embedMissing,
  loadMatrix,
  type Matrix,
  nearestChunks,
} from "./vectors.ts";

/** A complete index as its last update described it. */
export interface IndexDescription {
  readonly name: string;
  readonly root: string;
  readonly scope: Scope;
  /** HEAD when the update began; null outside git. */
  readonly commit: string | null;
  /** Files in scope whose content the index does not hold. */
  readonly skipped_files: number;
  /** ISO 8601 UTC. */
  readonly finished_at: string;
}

/** Turns a query into a vector like those of the index; throws a `Fault` where the backend cannot. */
export type QueryEmbedder = (spec: EmbeddingSpec, corpus: Uint8Array | null, query: string) => Promise<Float32Array>;

export interface SearchAnswer extends Found {
  readonly index: IndexDescription;
  /** Which embedding took part, or why none did. */
  readonly vectors: string;
}

/**
 * The worker's search indexes, one SQLite file each. Readers see committed batches only, and no index before its first
 * update is complete. Updates and embeddings of one index wait for each other.
 */
export interface SearchIndexes {
  readonly update: (
    name: string,
    tree: SourceTree,
    scope: Partial<Scope>,
    signal: AbortSignal,
    progress?: Progress,
    /** Of the run that the update is for: its threads are counted to it. */
    usage?: RunUsage,
  ) => Promise<IndexStats>;
  /** `name` null: the index completed last. Throws `search_index_missing`, `…_unfinished`, `search_query_invalid`. */
  readonly query: (
    name: string | null,
    query: string,
    options: { readonly limit?: number; readonly embed?: QueryEmbedder | null },
  ) => Promise<SearchAnswer>;
  /** How many files of the tree the index no longer tells the truth about. */
  readonly stale: (name: string, tree: SourceTree, signal: AbortSignal) => Promise<number>;
  readonly embed: (
    name: string,
    embedder: Embedder,
    signal: AbortSignal,
    progress?: Progress,
  ) => Promise<{ readonly embedded: number; readonly total: number; readonly spec: EmbeddingSpec }>;
  readonly describe: (name: string | null) => IndexDescription;
  /** Complete indexes, the one completed last first. */
  readonly list: () => readonly IndexDescription[];
}

/** Opens the indexes under `<data_dir>/indexes`. `isSecret`: whether a file holds what no index may. */
export function openSearchIndexes(
  data_dir: string,
  now: () => number = Date.now,
  isSecret: (bytes: Uint8Array) => Promise<boolean> = async () => false,
): SearchIndexes {
  const folder = join(data_dir, "indexes");
  const lanes = new Map<string, Promise<unknown>>();
  const matrices = new Map<string, { readonly version: string; readonly matrix: Matrix }>();

  const exclusive = async <T>(name: string, signal: AbortSignal, body: () => Promise<T>): Promise<T> => {
    for (let before = lanes.get(name); before !== undefined; before = lanes.get(name)) {
      await orAborted(before, signal);
      throwIfCanceled(signal, `waiting for the index "${name}"`);
    }
    const work = body();
    const settled = work.then(
      () => lanes.delete(name),
      () => lanes.delete(name),
    );
    lanes.set(name, settled);
    return work;
  };

  const list = (): readonly IndexDescription[] => {
    if (!existsSync(folder)) return [];
    const names = readdirSync(folder).flatMap((file) => (file.endsWith(".db") ? [file.slice(0, -3)] : []));
    return names
      .filter((name) => NAME.test(name))
      .flatMap((name) => {
        const description = reading(join(folder, `${name}.db`), (db) => descriptionOf(db, name));
        return description === null || description === "damaged" ? [] : [description];
      })
      .toSorted((a, b) => (a.finished_at < b.finished_at ? 1 : -1));
  };

  const describe = (name: string | null): IndexDescription => {
    const chosen = name ?? list()[0]?.name;
    if (chosen === undefined) throw missing("there is no search index yet");
    const file = indexFile(folder, chosen);
    const description = existsSync(file) ? reading(file, (db) => descriptionOf(db, chosen)) : undefined;
    if (description === undefined) {
      const known = list().map((index) => `"${index.name}"`);
      throw missing(`there is no search index "${chosen}"${known.length > 0 ? `, only ${known.join(", ")}` : ""}`);
    }
    if (description === "damaged") {
      throw new Fault(
        "search_index_damaged",
        `the file of the index "${chosen}" is damaged: its next update rebuilds it`,
      );
    }
    if (description !== null) return description;
    throw new Fault(
      "search_index_unfinished",
      `the index "${chosen}" has not been completed yet: run its update again`,
    );
  };

  const nearest = async (
    db: IndexDatabase,
    index: IndexDescription,
    query: string,
    embed: QueryEmbedder | null,
  ): Promise<{ readonly ids: readonly number[]; readonly note: string }> => {
    const embedding = embeddingOf(db);
    if (embedding === null) return { ids: [], note: "none: no model.embed step has run on this index" };
    const { spec, corpus } = embedding;
    if (embed === null) return { ids: [], note: `not used: ${spec.backend}` };
    try {
      const vector = await embed(spec, corpus, query);
      const vectors = db.prepare("SELECT count(*) AS n, max(rowid) AS last FROM vectors").get();
      const version = [index.finished_at, vectors?.n, vectors?.last, JSON.stringify(spec)].join(" ");
      let held = matrices.get(index.name);
      if (held?.version !== version) {
        held = { version, matrix: await loadMatrix(db, spec.dim) };
        matrices.clear();
        matrices.set(index.name, held);
      }
      return {
        ids: nearestChunks(held.matrix, vector, LIMITS.search_candidates),
        note: `${spec.backend} ${spec.model}, ${spec.dim} dimensions`,
      };
    } catch (error) {
      // The other rankings and every exact match still answer; the answer says what is missing from it.
      if (error instanceof Fault) return { ids: [], note: `not used: ${error.message}` };
      throw error;
    }
  };

  return {
    list,
    describe,
    update: (name, tree, scope, signal, progress = () => {}, usage) =>
      exclusive(name, signal, async () => {
        const file = indexFile(folder, name);
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        const whole = { languages: [], include: [], exclude: [], ...scope };
        const update = (): Promise<IndexStats> =>
          updateIndex(name, file, tree, whole, { signal, progress, now, isSecret, usage });
        return update().catch((error: unknown) => {
          if (!isDamage(error)) throw error;
          // An index holds nothing that its source does not: a damaged one is made anew.
          for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
          return update();
        });
      }),
    query: async (name, query, { limit = LIMITS.search_hits_default, embed = null }) => {
      checkQuery(query);
      const index = describe(name);
      const db = openIndexReader(indexFile(folder, index.name));
      if (db === null) throw missing(`there is no search index "${index.name}"`);
      try {
        // One snapshot for the whole answer, whatever is written meanwhile.
        db.exec("BEGIN");
        const { ids, note } = await nearest(db, index, query, embed);
        const found = await search(db, query, Math.min(limit, LIMITS.search_hits_max), ids);
        return { ...found, index: descriptionOf(db, index.name) ?? index, vectors: note };
      } finally {
        db.close();
      }
    },
    stale: async (name, tree, signal) => {
      const index = describe(name);
      const db = openIndexReader(indexFile(folder, name));
      if (db === null) throw missing(`there is no search index "${name}"`);
      try {
        return await staleFiles(db, tree, index.scope, signal);
      } finally {
        db.close();
      }
    },
    embed: (name, embedder, signal, progress = () => {}) =>
      exclusive(name, signal, async () => {
        describe(name);
        const db = openIndexWriter(indexFile(folder, name));
        try {
          return await embedMissing(db, embedder, signal, progress);
        } finally {
          db.close();
        }
      }),
  };
}

/** The same indexes for one run, within its caps. Faults of an update: also cpu_limit, memory_limit. */
export function cappedIndexes(indexes: SearchIndexes, usage: RunUsage): SearchIndexes {
  return {
    ...indexes,
    update: (name, tree, scope, signal, progress) => indexes.update(name, tree, scope, signal, progress, usage),
  };
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

function indexFile(folder: string, name: string): string {
  if (!NAME.test(name)) {
    throw missing(`${JSON.stringify(name)} is no index name: use a-z, 0-9, ".", "_" and "-"`);
  }
  return join(folder, `${name}.db`);
}

function missing(sentence: string): Fault {
  return new Fault("search_index_missing", `${sentence}; run an upgrade with a searchkit.index step first`);
}

/** Null: there is none of this format, or it is not complete. */
function reading<T>(file: string, body: (db: IndexDatabase) => T | null): T | null | "damaged" {
  try {
    const db = openIndexReader(file);
    if (db === null) return null;
    try {
      return body(db);
    } finally {
      db.close();
    }
  } catch (error) {
    if (isDamage(error)) return "damaged";
    throw error;
  }
}

/** SQLITE_CORRUPT or SQLITE_NOTADB, from here or from the writing thread. */
function isDamage(error: unknown): boolean {
  if (error instanceof Fault) return error.code === "search_index_damaged";
  const code = ((error as { readonly errcode?: number }).errcode ?? 0) & 0xff;
  return code === 11 || code === 26;
}

function descriptionOf(db: IndexDatabase, name: string): IndexDescription | null {
  const rows = db.prepare("SELECT key, value FROM meta").all();
  const meta = new Map(rows.map(({ key, value }) => [String(key), String(value)]));
  const finished_at = meta.get("finished_at");
  if (finished_at === undefined) return null;
  return {
    name,
    root: meta.get("root") ?? "",
    scope: JSON.parse(meta.get("scope") ?? "{}") as Scope,
    commit: meta.get("commit") || null,
    skipped_files: Number(meta.get("skipped_files") ?? 0),
    finished_at,
  };
}

/** Waits for `work`, or until the signal aborts. */
async function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener("abort", stop, { once: true });
  await Promise.race([work, aborted]);
  signal.removeEventListener("abort", stop);
}
