import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Recorded } from "@oa/shared/core/envelope.ts";
import type { RunEvent } from "@oa/shared/generated/types.ts";
import { apart } from "@oa/shared/run/boundary.ts";
import { crashOps, linesOf } from "../fakes/crash.ts";
import { openRunWorld } from "../fakes/runs.ts";

const CHILD = join(import.meta.dirname, "crash-child.ts");
/** Rounds of killing at random moments: OA_CRASH_ROUNDS=200 for a long evening. */
const ROUNDS = Number(process.env.OA_CRASH_ROUNDS ?? 6);

describe("kill -9", () => {
  let root = "";
  before(() => {
    root = mkdtempSync(join(tmpdir(), "oa-crash-"));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  /** Runs the child in a folder; resolves to its last line of output, or to how it was killed. */
  const child = (folder: string, mode: string, at: number, kill_after_ms?: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const worker = spawn(process.execPath, [CHILD, folder, mode, String(at)], { stdio: ["ignore", "pipe", "pipe"] });
      let output = "";
      let errors = "";
      worker.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (kill_after_ms !== undefined) void delay(kill_after_ms).then(() => worker.kill("SIGKILL"));
      });
      worker.stderr.on("data", (chunk: Buffer) => {
        errors += chunk.toString();
      });
      worker.on("error", reject);
      worker.on("close", (code, signal) => {
        if (signal === "SIGKILL") resolve("killed");
        else if (code === 0) resolve(output.trim().split("\n").at(-1) ?? "");
        else reject(new Error(errors));
      });
    });

  /** Starts a worker over what the dead one left, in this process, and lets the run come to its end. */
  const recover = async (folder: string): Promise<void> => {
    const world = openRunWorld({ path: join(folder, "log.sqlite"), ops: crashOps(folder) });
    const stop = new AbortController();
    const running = world.engine.loop(stop.signal);
    try {
      const [run_id] = linesOf(join(folder, "run_id"));
      if (run_id !== undefined) {
        const run = await world.engine.wait(run_id, AbortSignal.timeout(10_000));
        assert.equal(run.status, "succeeded", `${run.code}: ${run.message}`);
        checkRun(world, run_id, folder);
      }
      const logged = new Set([...world.store.after(0)].map(({ event }) => event.event_id));
      for (const event_id of linesOf(join(folder, "acknowledged"))) {
        assert.ok(logged.has(event_id), `acknowledged event ${event_id} is in the log`);
      }
      assert.deepEqual(world.store.verify().first_bad, null);
    } finally {
      stop.abort();
      await running;
      world.close();
    }
  };

  const checkRun = (world: ReturnType<typeof openRunWorld>, run_id: string, folder: string): void => {
    const events = apart(world.store.bySubject(run_id) as readonly Recorded<RunEvent>[]);
    const steps = (type: string): readonly string[] =>
      events
        .filter(({ event_type }) => event_type === type)
        .map(({ data }) => (data as { readonly step_id: string }).step_id);
    assert.deepEqual(steps("step.succeeded"), ["fetch", "post", "keep"], "each step succeeded exactly once, in order");
    for (const step of ["fetch", "post", "keep"]) {
      const acted = linesOf(join(folder, "acts")).filter((line) => line === step).length;
      const started = steps("step.started").filter((name) => name === step).length;
      assert.ok(acted <= started, `${step} acted ${acted} times, each after a recorded start (${started})`);
      const last_start = events.findLastIndex((event) => isStart(event, step));
      const success = events.findIndex(
        (event) => event.event_type === "step.succeeded" && (event.data as { step_id: string }).step_id === step,
      );
      assert.ok(last_start < success, `${step} was never performed again once it had succeeded`);
    }
    assert.deepEqual(linesOf(join(folder, "server")), [`${run_id}/post`], "the server carried the request out once");
    assert.equal(readFileSync(join(folder, "out.txt"), "utf8"), "page");
    assert.equal(events.filter(({ event_type }) => event_type === "artifact.created").length, 1);
    assert.equal(events.filter(({ event_type }) => event_type === "run.completed").length, 1);
  };
  const isStart = (event: { event_type: string; data: object }, step: string): boolean =>
    event.event_type === "step.started" && (event.data as { step_id: string }).step_id === step;

  it("at every event boundary, just before and just after its commit, loses and repeats nothing", async () => {
    // Without a kill first: it says how many events there are to die at.
    const whole = mkdtempSync(join(root, "whole-"));
    assert.equal(await child(whole, "none", 0), "succeeded");
    await recover(whole);
    const events = linesOf(join(whole, "acknowledged")).length + 3; // the three of the install come first
    assert.ok(events >= 11, `${events} events`);
    const deaths = ["before", "after"].flatMap((mode) =>
      Array.from({ length: events - 3 }, (_, index) => ({ mode, at: index + 4 })),
    );
    let killed = 0;
    const next = async (): Promise<void> => {
      for (let death = deaths.pop(); death !== undefined; death = deaths.pop()) {
        const folder = mkdtempSync(join(root, `${death.mode}-${death.at}-`));
        if ((await child(folder, death.mode, death.at)) === "killed") killed += 1;
        await recover(folder);
      }
    };
    const planned = deaths.length;
    await Promise.all([next(), next()]);
    assert.equal(killed, planned, "every planned death happened");
  });

  it(`at ${ROUNDS} random moments, several times in one run, loses and repeats nothing`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const folder = mkdtempSync(join(root, "random-"));
      for (let death = 0; death < 2; death += 1) {
        if ((await child(folder, "none", 0, Math.random() * 60)) !== "killed") break;
      }
      await recover(folder);
    }
  });
});
