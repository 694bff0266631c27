import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { manifestOf, openRunWorld } from "../fakes/runs.ts";
import { serveWorld, TOKEN } from "../fakes/workspace.ts";
import type { Bench } from "./run.ts";

const REQUESTS = 400;
const RUNS = 16;
const STEPS = 50;
const step = (index: number) => ({ op: "http.request", id: `s${index}`, url: "https://api.example/" });
const manifest = manifestOf([step(0), ...Array.from({ length: STEPS - 1 }, (_, index) => step(index + 1))], {
  network: ["api.example"],
  tools: ["http.request"],
});
const answer = { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };

/** Times of requests made one after the other, in milliseconds. */
async function times(url: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (let index = 0; index < REQUESTS; index += 1) {
    const asked_ms = performance.now();
    const response = await fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } });
    if (!response.ok) throw new Error(await response.text());
    await response.arrayBuffer();
    found.push(performance.now() - asked_ms);
  }
  return found.sort((a, b) => a - b);
}
const at = (sorted: readonly number[], part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0;

/** Bare primitive: an HTTP server of Node that answers with nothing, asked in the same way. */
async function bare(): Promise<readonly number[]> {
  const server = createServer((_, response) => response.end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const found = await times(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  server.closeAllConnections();
  server.close();
  return found;
}

export async function bench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "oa-bench-"));
  const world = openRunWorld({
    path: join(folder, "api.db"),
    concurrency: RUNS,
    ops: { "http.request": async () => answer },
  });
  const server = await serveWorld(world);
  const stop = new AbortController();
  const looping = world.engine.loop(stop.signal);
  const installs = Array.from({ length: RUNS }, () => world.install(manifest));
  const url = `${server.url}/v1/runs?limit=50`;
  const nothing = await bare();
  for (let warm = 0; warm < 4; warm += 1) await all(world, installs);
  const idle = await times(url);
  // Every install runs again as soon as it has ended, for as long as the requests take.
  let measuring = true;
  let steps = 0;
  const load = (async () => {
    while (measuring) {
      await all(world, installs);
      steps += RUNS * STEPS;
    }
  })();
  const started_ms = performance.now();
  const busy = await times(url);
  const rate = steps / ((performance.now() - started_ms) / 1_000);
  measuring = false;
  await load;
  stop.abort();
  await looping;
  await server.close();
  world.close();
  rmSync(folder, { recursive: true });
  return {
    name: `control API: GET /v1/runs, a page of 50, ${REQUESTS} requests, while ${RUNS} runs make durable steps`,
    figures: {
      "bare node:http, p50 ms": at(nothing, 0.5),
      "bare node:http, p99 ms": at(nothing, 0.99),
      "idle worker, p50 ms": at(idle, 0.5),
      "idle worker, p99 ms": at(idle, 0.99),
      "under load, p50 ms": at(busy, 0.5),
      "under load, p99 ms": at(busy, 0.99),
      "steps/s meanwhile": rate,
    },
  };
}

async function all(world: ReturnType<typeof openRunWorld>, installs: readonly string[]): Promise<void> {
  const started = await Promise.all(installs.map((install_id) => world.engine.start(install_id, "manual")));
  for (const run of started) {
    if (isRejection(run)) throw new Error(run.message);
    await world.engine.wait(run.run_id, AbortSignal.timeout(60_000));
  }
}
