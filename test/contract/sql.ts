/** What every database under an event store must do. Part of the event store's contract. */
import assert from "node:assert/strict";
import type { Sql } from "@oa/shared/core/sql.ts";

const TABLE = "CREATE TABLE IF NOT EXISTS proj_values (a, b, c, d)";
const names = (sql: Sql) => sql.all<{ a: string }>("SELECT a FROM proj_values ORDER BY a").map(({ a }) => a);

export const SQL_CONTRACT: Readonly<Record<string, (open: () => Sql) => void>> = {
  "refuses an async transaction body and keeps none of it": (open) => {
    const sql = open();
    sql.run(TABLE);
    assert.throws(
      () =>
        sql.transaction(async () => {
          sql.run("INSERT INTO proj_values (a) VALUES ('x')");
        }),
      /must not be async/,
    );
    assert.deepEqual(names(sql), []);
  },
  "nests transactions: an inner failure keeps the outer work": (open) => {
    const sql = open();
    sql.run(TABLE);
    sql.transaction(() => {
      sql.run("INSERT INTO proj_values (a) VALUES ('outer')");
      assert.throws(() =>
        sql.transaction(() => {
          sql.run("INSERT INTO proj_values (a) VALUES ('inner')");
          throw new Error("inner");
        }),
      );
    });
    assert.deepEqual(names(sql), ["outer"]);
  },
  "carries text, numbers, null and bytes through the database unchanged": (open) => {
    const sql = open();
    sql.run(TABLE);
    const bytes = new Uint8Array([0, 1, 254, 255]);
    sql.run("INSERT INTO proj_values VALUES (?, ?, ?, ?)", "ü\u0000x", 1.5, null, bytes);
    assert.deepEqual({ ...sql.all("SELECT * FROM proj_values")[0] }, { a: "ü\u0000x", b: 1.5, c: null, d: bytes });
  },
};
