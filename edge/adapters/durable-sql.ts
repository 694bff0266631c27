import { assert } from "@oa/shared/core/refusal.ts";
import type { Sql, SqlValue } from "@oa/shared/core/sql.ts";

/** `Sql` on a Durable Object's SQLite. Its output gate holds replies until what was written is durable. */
export function durableSql(storage: DurableObjectStorage): Sql {
  return {
    run: (statement, ...params) => {
      storage.sql.exec(statement, ...params.map(toDurable));
    },
    all: <Row extends Readonly<Record<string, SqlValue>>>(statement: string, ...params: readonly SqlValue[]) =>
      storage.sql
        .exec(statement, ...params.map(toDurable))
        .toArray()
        .map((row) => {
          for (const [name, value] of Object.entries(row)) {
            if (value instanceof ArrayBuffer)
              (row as Record<string, SqlStorageValue | Uint8Array>)[name] = new Uint8Array(value);
          }
          return row;
        }) as unknown as readonly Row[],
    transaction: (body) =>
      storage.transactionSync(() => {
        const result = body();
        // transactionSync would commit now and let the rest of an async body run outside the transaction.
        assert(!(result instanceof Promise), "a transaction's body must not be async");
        return result;
      }),
  };
}

function toDurable(value: SqlValue): SqlStorageValue {
  return value instanceof Uint8Array ? (value.slice().buffer as ArrayBuffer) : value;
}
