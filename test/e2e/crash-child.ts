/**
 * A worker that dies on command. Arguments: folder, mode ("before" or "after" a commit, or "none"), and the number of
 * the event at whose commit it kills itself. Everything its ops do is written to files beside the database, and every
 * event it was told is durable to `acknowledged`: the world that must agree with the log afterwards.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { SqliteDatabase } from "@oa/worker/adapters/sqlite.ts";
import { CRASH_MANIFEST, crashOps } from "../fakes/crash.ts";
import { openRunWorld } from "../fakes/runs.ts";

const [, , folder = "", mode = "none", at = "0"] = process.argv;
const die = (): never => {
  process.kill(process.pid, "SIGKILL");
  throw new Error("killed");
};
let seen = 0;

const world = openRunWorld({
  path: join(folder, "log.sqlite"),
  ops: crashOps(folder),
  projections: [
    {
      name: "killer",
      ddl: [],
      tables: [],
      apply: () => {
        seen += 1;
        if (mode === "before" && seen === Number(at)) die();
      },
    },
  ],
  wrap: (database): SqliteDatabase => ({
    ...database,
    commit: async (body) => {
      const result = await database.commit(body);
      if (Array.isArray(result)) {
        for (const { event_id } of result) appendFileSync(join(folder, "acknowledged"), `${event_id}\n`);
      }
      if (mode === "after" && seen >= Number(at)) die();
      return result;
    },
  }),
});

const stop = new AbortController();
const running = world.engine.loop(stop.signal);
const file = join(folder, "run_id");
if (!existsSync(file)) {
  const started = await world.engine.start(world.install(CRASH_MANIFEST), "manual");
  if (isRejection(started)) throw new Error(started.message);
  writeFileSync(file, started.run_id);
}
writeSync(1, "ready\n");
const run = await world.engine.wait(readFileSync(file, "utf8"), AbortSignal.timeout(20_000));
stop.abort();
await running;
world.close();
writeSync(1, `${run.status}\n`);
