import { Fault } from "./refusal.ts";

/**
 * The one database interface. Two adapters implement it: `node:sqlite` in the worker and a Durable Object's SQLite at
 * the edge. Both are synchronous with one writer, so there are no version conflicts and nothing to retry.
 */
export type SqlValue = string | number | null | Uint8Array;

export interface Sql {
  /** Runs one statement, at most `LIMITS.sql_params` parameters. */
  run(statement: string, ...params: readonly SqlValue[]): void;
  /** Runs one query and returns all its rows. Callers bound them with LIMIT. */
  all<Row extends Readonly<Record<string, SqlValue>>>(
    statement: string,
    ...params: readonly SqlValue[]
  ): readonly Row[];
  /**
   * Runs `body` in a transaction, nested ones as savepoints; a throw rolls back what `body` wrote.
   * A body that returns a promise is a broken assumption: it throws and rolls back, since the transaction would have
   * ended before the promise did.
   */
  transaction<T>(body: () => T): T;
  /**
   * Stands for what the database holds now: while it is the same number, nobody has written and nothing was rolled back.
   * Null where that is not known, since others may write; absent where it never is.
   */
  moment?(): number | null;
}

/** What was kept as JSON, read again. Fault database_damaged where it is none any more. */
export function keptJson(text: SqlValue | undefined): unknown {
  try {
    return JSON.parse(String(text));
  } catch (cause) {
    const message =
      "the database is damaged: what it kept reads differently; put a copy back, or move it away to begin anew";
    throw new Fault("database_damaged", message, { cause });
  }
}

/** The first row, or undefined. */
export function one<Row extends Readonly<Record<string, SqlValue>>>(
  sql: Sql,
  statement: string,
  ...params: readonly SqlValue[]
): Row | undefined {
  return sql.all<Row>(statement, ...params)[0];
}
