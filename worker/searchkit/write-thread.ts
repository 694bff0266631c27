import { workerData } from "node:worker_threads";
import { type IndexDatabase, openIndexWriter } from "./database.ts";
import type { Parsed } from "./parse-thread.ts";
import type { SourceFile } from "./source.ts";
import { serveThread } from "./thread.ts";

export type FileState = "indexed" | "binary" | "secret" | "too_large";

/** What the index shall hold of one file. `same`: its content is unchanged, only its time. */
export interface FileWrite {
  readonly file: SourceFile;
  readonly hashed_at_ms: number;
  readonly parsed: Parsed | { readonly state: "too_large" | "secret"; readonly sha256: null };
}

/** One transaction: files written, files dropped, and, when an update is complete, the index's description. */
export interface WriteRequest {
  readonly files: readonly FileWrite[];
  readonly removed: readonly string[];
  readonly finish: Readonly<Record<string, string>> | null;
}

export interface WriteAnswer {
  readonly files: number;
  readonly chunks: number;
  readonly symbols: number;
}

let db: IndexDatabase | null = null;
const statements = new Map<string, ReturnType<IndexDatabase["prepare"]>>();
serveThread(write, () => db?.close());

/** Opened by the first call, so that what is wrong with the file is that call's failure. */
function database(): IndexDatabase {
  db ??= openIndexWriter(String(workerData));
  return db;
}

function sql(text: string): ReturnType<IndexDatabase["prepare"]> {
  let statement = statements.get(text);
  if (statement === undefined) {
    statement = database().prepare(text);
    statements.set(text, statement);
  }
  return statement;
}

function write({ files, removed, finish }: WriteRequest): WriteAnswer {
  const index = database();
  index.exec("BEGIN IMMEDIATE");
  try {
    for (const path of removed) drop(path);
    for (const entry of files) store(entry);
    if (finish !== null) {
      sql("DELETE FROM vectors WHERE digest NOT IN (SELECT digest FROM chunks)").run();
      for (const [key, value] of Object.entries(finish)) {
        sql("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value").run(key, value);
      }
    }
    index.exec("COMMIT");
  } catch (error) {
    if (index.isTransaction) index.exec("ROLLBACK");
    throw error;
  }
  if (finish === null) return { files: 0, chunks: 0, symbols: 0 };
  return {
    files: count("SELECT count(*) AS n FROM files WHERE state = 'indexed'"),
    chunks: count("SELECT count(*) AS n FROM chunks"),
    symbols: count("SELECT count(*) AS n FROM symbols"),
  };
}

function count(query: string): number {
  return Number(sql(query).get()?.n);
}

function drop(path: string): void {
  const id = sql("SELECT id FROM files WHERE path = ?").get(path)?.id;
  if (id === undefined) return;
  sql("DELETE FROM words WHERE rowid IN (SELECT id FROM chunks WHERE file_id = ?)").run(id);
  sql("DELETE FROM trigrams WHERE rowid IN (SELECT id FROM chunks WHERE file_id = ?)").run(id);
  sql("DELETE FROM chunks WHERE file_id = ?").run(id);
  sql("DELETE FROM symbols WHERE file_id = ?").run(id);
  sql("DELETE FROM files WHERE id = ?").run(id);
}

function store({ file, hashed_at_ms, parsed }: FileWrite): void {
  const { path, size_bytes, mtime_ms } = file;
  if (parsed.state === "same") {
    sql("UPDATE files SET size_bytes = ?, mtime_ms = ?, hashed_at_ms = ? WHERE path = ?").run(
      size_bytes,
      mtime_ms,
      hashed_at_ms,
      path,
    );
    return;
  }
  drop(path);
  const text = parsed.state === "indexed" ? parsed : null;
  const file_id = sql(
    `INSERT INTO files (path, size_bytes, mtime_ms, hashed_at_ms, sha256, state, language, line_count)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    path,
    size_bytes,
    mtime_ms,
    hashed_at_ms,
    parsed.sha256,
    parsed.state,
    text?.language ?? null,
    text?.line_count ?? 0,
  ).lastInsertRowid;
  if (text === null) return;
  for (const { name, kind, line_start, line_end } of text.symbols) {
    sql("INSERT INTO symbols (file_id, name, kind, line_start, line_end) VALUES (?, ?, ?, ?, ?)").run(
      file_id,
      name,
      kind,
      line_start,
      line_end,
    );
  }
  for (const chunk of text.chunks) {
    const id = sql(
      `INSERT INTO chunks (file_id, line_start, line_end, symbol, definitions, digest, text)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      file_id,
      chunk.line_start,
      chunk.line_end,
      chunk.symbol,
      JSON.stringify(chunk.definitions),
      chunk.digest,
      chunk.text,
    ).lastInsertRowid;
    sql("INSERT INTO words (rowid, symbol, path, body) VALUES (?, ?, ?, ?)").run(
      id,
      chunk.symbol_words,
      text.path_words,
      `${chunk.text}\n${chunk.body_words}`,
    );
    sql("INSERT INTO trigrams (rowid, text) VALUES (?, ?)").run(id, chunk.text);
  }
}
