import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { openLongWork, until } from "../fakes/long-work.ts";
import { manifestOf, openRunWorld } from "../fakes/runs.ts";
import type { Bench } from "./run.ts";

const ROUNDS = 5;
const manifest = manifestOf([{ op: "http.request", id: "work", url: "https://api.example/" }], {
  network: ["api.example"],
  tools: ["http.request"],
});

export async function bench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "oa-bench-"));
  const { works, close } = await openLongWork(folder);
  const figures: Record<string, number> = {};
  for (const { name, act, isRunning } of works) {
    const world = openRunWorld({
      path: join(folder, `${Object.keys(figures).length}.db`),
      ops: { "http.request": async (_, context) => (await act(context)) as object },
    });
    const stop = new AbortController();
    const looping = world.engine.loop(stop.signal);
    let worst_ms = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const run = await world.engine.start(world.install(manifest), "manual");
      if (isRejection(run)) throw new Error(run.message);
      await until(isRunning);
      const asked_ms = performance.now();
      await world.engine.cancel(run.run_id, "bench");
      await world.engine.wait(run.run_id, AbortSignal.timeout(20_000));
      await until(() => !isRunning());
      worst_ms = Math.max(worst_ms, performance.now() - asked_ms);
    }
    figures[`${name}, ms until all of it has ended`] = worst_ms;
    stop.abort();
    await looping;
    world.close();
  }
  await close();
  rmSync(folder, { recursive: true });
  return { name: `engine: cancelling a run, its end durable (worst of ${ROUNDS})`, figures };
}
