import { DatabaseSync } from "node:sqlite";

/** Changes when the tables do: an index of another format is made anew, since all in it can be read from the source. */
const FORMAT = 2;

/** One connection to an index's file. */
export type IndexDatabase = DatabaseSync;

const TABLES = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size_bytes INTEGER NOT NULL, mtime_ms REAL NOT NULL,
  hashed_at_ms REAL NOT NULL, sha256 TEXT, state TEXT NOT NULL, language TEXT, line_count INTEGER NOT NULL
);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL REFERENCES files (id), line_start INTEGER NOT NULL,
  line_end INTEGER NOT NULL, symbol TEXT, definitions TEXT NOT NULL, digest BLOB NOT NULL, text TEXT NOT NULL
);
CREATE INDEX chunks_file ON chunks (file_id);
CREATE INDEX chunks_digest ON chunks (digest);
CREATE TABLE symbols (
  id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL REFERENCES files (id), name TEXT NOT NULL, kind TEXT NOT NULL,
  line_start INTEGER NOT NULL, line_end INTEGER NOT NULL
);
CREATE INDEX symbols_file ON symbols (file_id);
CREATE INDEX symbols_name ON symbols (name COLLATE NOCASE);
CREATE VIRTUAL TABLE words USING fts5 (
  symbol, path, body, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE trigrams USING fts5 (
  text, content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1'
);
CREATE TABLE embedding (id INTEGER PRIMARY KEY CHECK (id = 1), spec TEXT NOT NULL, corpus BLOB);
CREATE TABLE vectors (digest BLOB NOT NULL UNIQUE, vector BLOB NOT NULL);
PRAGMA user_version = ${FORMAT};
`;

/** Opens the index for writing and makes its tables; what another format left behind is dropped first. */
export function openIndexWriter(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 5_000, enableForeignKeyConstraints: false });
  // A lost index is made again from the source, so a commit need not wait for the disk; WAL keeps it consistent.
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32000");
  if (formatOf(db) === FORMAT) return db;
  db.exec("BEGIN IMMEDIATE");
  try {
    const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all();
    const isOurs = (name: unknown): name is string => typeof name === "string" && !/^(?:words|trigrams)_/.test(name);
    for (const { name } of names) if (isOurs(name)) db.exec(`DROP TABLE IF EXISTS ${name}`);
    db.exec(`${TABLES}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    db.close();
    throw error;
  }
  return db;
}

/** Opens the index for reading, or null where there is none of this format. */
export function openIndexReader(path: string): DatabaseSync | null {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  } catch (error) {
    // SQLITE_CANTOPEN: the file is not there.
    if (((error as { readonly errcode?: number }).errcode ?? 0) === 14) return null;
    throw error;
  }
  // Each query has its own connection, so what it reads comes from the system's cache of the file.
  db.exec("PRAGMA mmap_size = 268435456");
  if (formatOf(db) === FORMAT) return db;
  db.close();
  return null;
}

function formatOf(db: DatabaseSync): unknown {
  return db.prepare("PRAGMA user_version").get()?.user_version;
}
