import { setImmediate as nextTurn } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { throwIfCanceled } from "../adapters/canceled.ts";
import type { IndexDatabase } from "./database.ts";
import type { Progress } from "./update.ts";

/** The one embedding an index has at a time: another backend, model or length replaces it. */
export interface EmbeddingSpec {
  readonly backend: string;
  readonly model: string;
  readonly dim: number;
}

/** What makes vectors; `learn` is for backends that weigh words by how common they are in the index. */
export interface Embedder {
  readonly backend: string;
  /** Null: the model's own length. */
  readonly dim: number | null;
  readonly embed: (
    texts: readonly string[],
    corpus: Uint8Array | null,
  ) => Promise<{ readonly vectors: readonly Float32Array[]; readonly model: string; readonly dim: number }>;
  readonly learn: (texts: readonly string[], corpus: Uint8Array | null) => Uint8Array | null;
}

export interface Matrix {
  readonly ids: readonly number[];
  /** Row after row, each of length 1. */
  readonly values: Float32Array;
  readonly dim: number;
}

interface Passage {
  readonly id: number;
  readonly digest: Uint8Array;
  readonly path: string;
  readonly symbol: string | null;
  readonly text: string;
}

/** The embedding that the index's vectors were made with, and the statistics behind it. */
export function embeddingOf(
  db: IndexDatabase,
): { readonly spec: EmbeddingSpec; readonly corpus: Uint8Array | null } | null {
  const row = db.prepare("SELECT spec, corpus FROM embedding").get() as
    | { readonly spec: string; readonly corpus: Uint8Array | null }
    | undefined;
  return row === undefined ? null : { spec: JSON.parse(row.spec) as EmbeddingSpec, corpus: row.corpus };
}

/** Gives every chunk without a vector one. Each batch is a transaction: what was embedded stays after a crash. */
export async function embedMissing(
  db: IndexDatabase,
  embedder: Embedder,
  signal: AbortSignal,
  progress: Progress,
): Promise<{ readonly embedded: number; readonly total: number; readonly spec: EmbeddingSpec }> {
  const before = embeddingOf(db);
  const fits = before?.spec.backend === embedder.backend && before.spec.dim === (embedder.dim ?? before.spec.dim);
  if (!fits) db.exec("BEGIN; DELETE FROM vectors; DELETE FROM embedding; COMMIT");
  const corpus = await learnWords(db, embedder, fits ? (before?.corpus ?? null) : null, signal);
  let spec: EmbeddingSpec | null = fits ? (before?.spec ?? null) : null;
  const missing = count(
    db,
    "SELECT count(DISTINCT digest) AS n FROM chunks WHERE digest NOT IN (SELECT digest FROM vectors)",
  );
  let embedded = 0;
  for await (const passages of passagesWithoutVector(db, signal)) {
    // Equal passages share a vector.
    const batch = [...new Map(passages.map((one) => [Buffer.from(one.digest).toString("hex"), one])).values()];
    const made = await embedder.embed(batch.map(passageText), corpus);
    const now = { backend: embedder.backend, model: made.model, dim: made.dim };
    const other = spec !== null && (spec.model !== now.model || spec.dim !== now.dim);
    // The backend runs another model than last time: vectors of two models cannot be compared.
    if (other) {
      db.exec("BEGIN; DELETE FROM vectors; DELETE FROM embedding; COMMIT");
      return embedMissing(db, embedder, signal, progress);
    }
    spec = now;
    store(db, batch, made.vectors, now, corpus);
    embedded += batch.length;
    progress(embedded, missing, "passages");
    await nextTurn();
  }
  const total = count(db, "SELECT count(*) AS n FROM vectors");
  return { embedded, total, spec: spec ?? { backend: embedder.backend, model: "", dim: embedder.dim ?? 0 } };
}

/** The index's vectors as one matrix, in the order of chunk ids. */
export async function loadMatrix(db: IndexDatabase, dim: number): Promise<Matrix> {
  const rows = Math.min(
    count(db, "SELECT count(*) AS n FROM chunks c JOIN vectors v ON v.digest = c.digest"),
    LIMITS.search_vector_chunks,
  );
  const values = new Float32Array(rows * dim);
  const ids: number[] = [];
  const page = db.prepare(
    "SELECT c.id, v.vector FROM chunks c JOIN vectors v ON v.digest = c.digest WHERE c.id > ? ORDER BY c.id LIMIT 2000",
  );
  while (ids.length < rows) {
    const found = page.all(ids.at(-1) ?? 0) as unknown as readonly {
      readonly id: number;
      readonly vector: Uint8Array;
    }[];
    if (found.length === 0) break;
    for (const { id, vector } of found.slice(0, rows - ids.length)) {
      if (vector.byteLength !== dim * 4) continue;
      values.set(new Float32Array(vector.slice().buffer), ids.length * dim);
      ids.push(id);
    }
    await nextTurn();
  }
  return { ids, values, dim };
}

/** The chunk ids nearest to `query` by cosine, nearest first; what has nothing in common with it is left out. */
export function nearestChunks({ ids, values, dim }: Matrix, query: Float32Array, count: number): readonly number[] {
  const best: { readonly id: number; readonly score: number }[] = [];
  // Indexed loops: this is the one place where every number of the index is touched.
  for (let row = 0, offset = 0; row < ids.length; row += 1) {
    let score = 0;
    for (let at = 0; at < dim; at += 1, offset += 1) score += (values[offset] ?? 0) * (query[at] ?? 0);
    const id = ids[row] ?? 0;
    if (score <= 0 || (best.length >= count && score <= (best.at(-1)?.score ?? 0))) continue;
    let place = best.length;
    while (place > 0 && (best[place - 1]?.score ?? 0) < score) place -= 1;
    best.splice(place, 0, { id, score });
    if (best.length > count) best.pop();
  }
  return best.map(({ id }) => id);
}

/** Counts words over the whole index the first time and when it has doubled since, over what is new in between. */
async function learnWords(
  db: IndexDatabase,
  embedder: Embedder,
  before: Uint8Array | null,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  if (embedder.learn([], null) === null) return null;
  const chunks = count(db, "SELECT count(*) AS n FROM chunks");
  const vectors = count(db, "SELECT count(*) AS n FROM vectors");
  const anew = before === null || vectors * 2 < chunks;
  if (anew) db.exec("DELETE FROM vectors");
  let corpus = anew ? null : before;
  for await (const batch of passagesWithoutVector(db, signal)) {
    corpus = embedder.learn(batch.map(passageText), corpus);
    await nextTurn();
  }
  return corpus ?? embedder.learn([], null);
}

async function* passagesWithoutVector(db: IndexDatabase, signal: AbortSignal): AsyncGenerator<readonly Passage[]> {
  const page = db.prepare(
    `SELECT c.id, c.digest, f.path, c.symbol, c.text FROM chunks c JOIN files f ON f.id = c.file_id
     WHERE c.id > ? AND c.digest NOT IN (SELECT digest FROM vectors) ORDER BY c.id LIMIT ?`,
  );
  for (let last = 0; ; ) {
    throwIfCanceled(signal, "embedding");
    const rows = page.all(last, LIMITS.embed_batch) as unknown as readonly Passage[];
    if (rows.length === 0) return;
    last = rows.at(-1)?.id ?? last;
    yield rows;
  }
}

function passageText({ path, symbol, text }: Passage): string {
  return `${path}\n${symbol ?? ""}\n${text}`.slice(0, LIMITS.embed_text_chars).replace(/\p{Surrogate}$/u, "");
}

function store(
  db: IndexDatabase,
  batch: readonly Passage[],
  vectors: readonly Float32Array[],
  spec: EmbeddingSpec,
  corpus: Uint8Array | null,
): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    const insert = db.prepare("INSERT INTO vectors (digest, vector) VALUES (?, ?) ON CONFLICT DO NOTHING");
    for (const [index, vector] of vectors.entries()) {
      const digest = batch[index]?.digest;
      if (digest !== undefined) {
        insert.run(digest, new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
      }
    }
    db.prepare(
      `INSERT INTO embedding (id, spec, corpus) VALUES (1, ?, ?)
       ON CONFLICT (id) DO UPDATE SET spec = excluded.spec, corpus = excluded.corpus`,
    ).run(JSON.stringify(spec), corpus);
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

function count(db: IndexDatabase, query: string): number {
  return Number(db.prepare(query).get()?.n);
}
