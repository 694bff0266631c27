import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { openSqlite, type SqliteDatabase } from "@oa/worker/adapters/sqlite.ts";
import { EVENT_STORE_CONTRACT } from "./event-store.ts";

describe("the event store on node:sqlite", () => {
  const folder = mkdtempSync(join(tmpdir(), "oa-store-"));
  const open: SqliteDatabase[] = [];
  after(() => {
    for (const database of open) database.close();
    rmSync(folder, { recursive: true });
  });
  for (const [name, run] of Object.entries(EVENT_STORE_CONTRACT)) {
    it(name, () =>
      run(() => {
        const database = openSqlite(join(folder, `${open.length}.db`));
        open.push(database);
        return database;
      }),
    );
  }
});
