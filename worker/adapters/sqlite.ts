import { accessSync, constants, existsSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { assert, Fault } from "@oa/shared/core/refusal.ts";
import type { Sql, SqlValue } from "@oa/shared/core/sql.ts";

/**
 * `Sql` on `node:sqlite`, with a Durable Object's limits on parameters and statements, durable commits and a group commit.
 * WAL with `synchronous=FULL`: an acknowledged commit survives a power cut.
 */
export interface SqliteDatabase extends Sql {
  /**
   * Runs `body` in its own savepoint of a shared transaction: what is queued in the same turn of the event loop is
   * committed together, and the promise settles after that commit. A throw rolls back only `body`.
   */
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly close: () => void;
}

interface Queued {
  readonly body: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens (or creates) the database file; `:memory:` for tests. Faults, here and in everything it gives: disk_full,
 * database_locked, database_damaged, database_io, database_read_only, file_access.
 */
export function openSqlite(path: string): SqliteDatabase {
  const db = openFile(path);
  const statements = new Map<string, StatementSync>();
  // How many savepoints are open (the transaction is the first), and whether anything was written since the last one.
  let depth = 0;
  let written = false;
  // Grows with every transaction, write and rollback: while one is open, nobody else writes.
  let moment = 0;
  let queue: Queued[] = [];
  let scheduled = false;

  const prepare = (text: string, count: number): StatementSync => {
    assert(count <= LIMITS.sql_params, `${count} parameters; a Durable Object takes ${LIMITS.sql_params}`);
    let statement = statements.get(text);
    if (statement === undefined) {
      assert(text.length <= LIMITS.sql_statement_bytes, "the statement is longer than a Durable Object takes");
      statement = db.prepare(text);
      statements.set(text, statement);
    }
    return statement;
  };

  const control = (statement: string): void => {
    try {
      prepare(statement, 0).run();
    } catch (error) {
      throw asFault(error);
    }
  };

  // A nested transaction that begins before anything was written needs no savepoint of its own: going back to the one
  // around it undoes the same.
  const transaction = <T>(body: () => T): T => {
    const own = depth === 0 || written;
    if (own) {
      control(depth === 0 ? "BEGIN IMMEDIATE" : `SAVEPOINT s${depth}`);
      if (depth === 0) moment += 1;
      depth += 1;
      written = false;
    }
    try {
      const result = body();
      assert(!(result instanceof Promise), "a transaction's body must not be async");
      if (own) {
        control(depth === 1 ? "COMMIT" : `RELEASE s${depth - 1}`);
        written = true;
      }
      return result;
    } catch (error) {
      // SQLite may have rolled the whole transaction back itself (disk full, I/O error).
      if (db.isTransaction && (own || written)) undo(own);
      written = own && depth > 1;
      throw asFault(error);
    } finally {
      if (own) depth -= 1;
    }
  };
  const wrote = (): void => {
    written = true;
    moment += 1;
  };
  const undo = (ends: boolean): void => {
    moment += 1;
    if (depth > 1) control(`ROLLBACK TO s${depth - 1}`);
    else control("ROLLBACK");
    if (ends && depth > 1) control(`RELEASE s${depth - 1}`);
    if (!ends && depth === 1) control("BEGIN IMMEDIATE");
  };

  const flush = (): void => {
    scheduled = false;
    const batch = queue.slice(0, LIMITS.commit_batch);
    queue = queue.slice(LIMITS.commit_batch);
    if (queue.length > 0) schedule();
    const settle: (() => void)[] = [];
    const [only] = batch;
    if (only !== undefined && batch.length === 1) {
      settleOne(only);
      return;
    }
    try {
      transaction(() => {
        for (const { body, resolve, reject } of batch) {
          try {
            const result = transaction(body);
            settle.push(() => resolve(result));
          } catch (error) {
            if (!db.isTransaction) throw error; // the shared transaction is gone: nobody was committed
            settle.push(() => reject(error));
          }
        }
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const done of settle) done();
  };
  const settleOne = ({ body, resolve, reject }: Queued): void => {
    let result: unknown;
    try {
      result = transaction(body);
    } catch (error) {
      reject(error);
      return;
    }
    resolve(result);
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };

  return {
    run: (statement, ...params) => {
      try {
        wrote();
        prepare(statement, params.length).run(...params);
      } catch (error) {
        throw asFault(error);
      }
    },
    all: <Row extends Readonly<Record<string, SqlValue>>>(statement: string, ...params: readonly SqlValue[]) => {
      if (!statement.startsWith("SELECT")) wrote(); // with RETURNING
      try {
        return prepare(statement, params.length).all(...params) as unknown as readonly Row[];
      } catch (error) {
        throw asFault(error);
      }
    },
    transaction,
    moment: () => (depth === 0 ? null : moment),
    commit: <T>(body: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (queue.length >= LIMITS.commit_queue) {
          reject(new Fault("busy", "too many writes are waiting to be committed", { retryable: true }));
          return;
        }
        queue.push({ body, resolve: resolve as (value: unknown) => void, reject });
        schedule();
      }),
    close: () => {
      while (queue.length > 0) flush();
      db.close();
    },
  };
}

function openFile(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    // SQLite opens what it may not write for reading, and says so only at the first write.
    if (path !== ":memory:" && existsSync(path)) accessSync(path, constants.W_OK);
    db = new DatabaseSync(path, { timeout: 5_000 });
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA foreign_keys = ON");
    // A transaction that changes more than fits writes the same pages again and again: the 2 MB of SQLite itself are few.
    db.exec(`PRAGMA cache_size = -${LIMITS.sql_cache_kib}`);
    // What moves within the file leaves nothing behind where it was: retention could not find it there.
    db.exec("PRAGMA secure_delete = FAST");
    return db;
  } catch (error) {
    db?.close();
    const known = isRefusedAccess(error) ? readOnly(error) : asFault(error);
    if (!(known instanceof Fault)) throw error;
    throw new Fault(known.code, `${path}: ${known.message}`, { retryable: known.retryable, cause: error });
  }
}

function isRefusedAccess(error: unknown): boolean {
  return ["EACCES", "EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "");
}

function readOnly(cause: unknown): Fault {
  return new Fault("database_read_only", "this user may not write the database: check the file's permissions", {
    cause,
  });
}

/** SQLite's own codes that an owner can act on become faults with a stable code. */
function asFault(error: unknown): unknown {
  const code = (error as { errcode?: number }).errcode;
  if (code === undefined) return error;
  switch (code & 0xff) {
    case 5:
    case 6:
      return new Fault("database_locked", "another process holds the database", { retryable: true, cause: error });
    case 8:
      return readOnly(error);
    case 10:
      return new Fault("database_io", `the disk fails the database: ${(error as Error).message}`, { cause: error });
    case 14:
      return new Fault("file_access", `the database cannot be opened: ${(error as Error).message}`, { cause: error });
    case 11:
    case 26:
      return new Fault("database_damaged", "the database is damaged: put a copy back, or move it away to begin anew", {
        cause: error,
      });
    case 13:
      return new Fault("disk_full", "the disk is full: nothing was written", { retryable: true, cause: error });
    default:
      return error;
  }
}
