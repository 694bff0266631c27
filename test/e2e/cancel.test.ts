import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { getRun } from "@oa/shared/run/views.ts";
import { type LongWork, openLongWork, until } from "../fakes/long-work.ts";
import { manifestOf, openRunWorld } from "../fakes/runs.ts";

const manifest = manifestOf([{ op: "http.request", id: "work", url: "https://api.example/" }], {
  network: ["api.example"],
  tools: ["http.request"],
});

describe("cancelling a run", () => {
  const folder = mkdtempSync(join(tmpdir(), "oa-cancel-"));
  let works: readonly LongWork[] = [];
  let close = async (): Promise<void> => {};
  before(async () => {
    ({ works, close } = await openLongWork(folder));
  });
  after(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });

  const names = ["a tree of child processes", "a server's generation", "a download", "a model on this machine"];
  for (const [index, name] of names.entries()) {
    it(`ends ${name}, and with it the run`, async () => {
      const work = works[index];
      assert.ok(work !== undefined, name);
      const { act, isRunning } = work;
      const world = openRunWorld({
        ops: { "http.request": async (_, context) => (await act(context)) as object },
      });
      const stop = new AbortController();
      const looping = world.engine.loop(stop.signal);
      const run = await world.engine.start(world.install(manifest), "manual");
      assert.ok(!isRejection(run));
      await until(isRunning);
      await world.engine.cancel(run.run_id, "enough");
      const ended = await world.engine.wait(run.run_id, AbortSignal.timeout(20_000));
      const [step] = getRun(world.database, run.run_id)?.steps ?? [];
      assert.deepEqual([ended.status, step?.code], ["canceled", "canceled"]);
      await until(() => !isRunning());
      stop.abort();
      await looping;
      assert.deepEqual(world.reports, []);
      world.close();
    });
  }
});
