import { isRejection } from "@oa/shared/core/refusal.ts";
import { manifestOf, openRunWorld } from "../fakes/runs.ts";
import { besideRawRows } from "./figures/durable.ts";
import type { Bench } from "./run.ts";

const STEPS = 100;
const RUNS = 16;
const ROUNDS = 9;
const ROWS = 2_000;
/** What one step leaves in the log: the body of its event and its sealed values. */
const STEP_CHARS = 1_150;
const step = (index: number) => ({ op: "http.request", id: `s${index}`, url: "https://api.example/" });
const manifest = manifestOf([step(0), ...Array.from({ length: STEPS - 1 }, (_, index) => step(index + 1))], {
  network: ["api.example"],
  tools: ["http.request"],
});
const answer = { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };

/** Whole runs of steps that do nothing, each step's start and outcome durable; the runs are waiting when it begins. */
async function steps(path: string, concurrency: number): Promise<number> {
  const world = openRunWorld({ path, concurrency, ops: { "http.request": async () => answer } });
  const installs = Array.from({ length: RUNS }, () => world.install(manifest));
  const stop = new AbortController();
  for (const install_id of installs) {
    const run = await world.engine.start(install_id, "manual");
    if (isRejection(run)) throw new Error(run.message);
  }
  const started = performance.now();
  const looping = world.engine.loop(stop.signal);
  for (const { run_id } of world.database.all<{ run_id: string }>("SELECT run_id FROM proj_runs")) {
    const { status, message } = await world.engine.wait(run_id, AbortSignal.timeout(60_000));
    if (status !== "succeeded") throw new Error(`${run_id} ${status}: ${message}`);
  }
  const rate = (RUNS * STEPS) / ((performance.now() - started) / 1_000);
  stop.abort();
  await looping;
  world.close();
  return rate;
}

/**
 * Group commit is for the flush, so the ratios depend on how long the disk takes for one. To try a slower disk:
 * `strace -f --seccomp-bpf -o /dev/null -e trace=fsync -e inject=fsync:delay_enter=4ms node test/bench/run.ts steps`.
 */
export async function bench(): Promise<Bench> {
  const { raw, ours } = await besideRawRows(
    { rounds: ROUNDS, rows: ROWS, body: "x".repeat(STEP_CHARS) },
    [1, RUNS],
    steps,
  );
  return {
    name: `engine: durable steps that do nothing (${RUNS} runs of ${STEPS}, median of ${ROUNDS})`,
    figures: {
      "raw node:sqlite FULL, the same bytes as one row a transaction, rows/s": raw,
      "steps/s, one run at a time": ours.get(1)?.rate ?? Number.NaN,
      "steps/s, 16 runs at a time (group commit)": ours.get(RUNS)?.rate ?? Number.NaN,
      "ratio to raw, one run at a time": ours.get(1)?.ratio ?? Number.NaN,
      "ratio to raw, 16 runs at a time": ours.get(RUNS)?.ratio ?? Number.NaN,
    },
  };
}
