import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { manifestOf, openRunWorld } from "../fakes/runs.ts";
import type { Bench } from "./run.ts";

const STEPS = 100;
const RUNS = 16;
const ROUNDS = 9;
const step = (index: number) => ({ op: "http.request", id: `s${index}`, url: "https://api.example/" });
const manifest = manifestOf([step(0), ...Array.from({ length: STEPS - 1 }, (_, index) => step(index + 1))], {
  network: ["api.example"],
  tools: ["http.request"],
});
const answer = { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };

/** Bare primitive: one small row a transaction, `synchronous=FULL`. */
function raw(folder: string, round: number): number {
  const db = new DatabaseSync(join(folder, `raw-${round}.db`));
  db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)");
  const insert = db.prepare("INSERT INTO rows (body) VALUES (?)");
  const started = performance.now();
  for (let index = 0; index < 2_000; index += 1) insert.run("x".repeat(500));
  const rate = 2_000 / ((performance.now() - started) / 1_000);
  db.close();
  return rate;
}

/** Whole runs of steps that do nothing, each step's start and outcome durable; the runs are waiting when it begins. */
async function steps(folder: string, round: number, concurrency: number): Promise<number> {
  const path = join(folder, `steps-${round}-${concurrency}.db`);
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

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

export async function bench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "oa-bench-"));
  const [bare, one, many]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(raw(folder, round));
    one.push(await steps(folder, round, 1));
    many.push(await steps(folder, round, 16));
  }
  rmSync(folder, { recursive: true });
  const ratio = (values: readonly number[]): number => median(values.map((value, at) => value / (bare[at] ?? 1)));
  return {
    name: `engine: durable steps that do nothing (${RUNS} runs of ${STEPS}, median of ${ROUNDS})`,
    figures: {
      "raw node:sqlite FULL, one row a transaction, rows/s": median(bare),
      "steps/s, one run at a time": median(one),
      "steps/s, 16 runs at a time (group commit)": median(many),
      "ratio to raw, one run at a time": ratio(one),
      "ratio to raw, 16 runs at a time": ratio(many),
    },
  };
}
