import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { one } from "@oa/shared/core/sql.ts";
import { fakeClock, manifestOf, type Ops, openRunWorld, type RunWorld } from "../fakes/runs.ts";

const manifest = manifestOf([{ op: "http.request", id: "fetch", url: "https://api.example/" }], {
  network: ["api.example"],
  tools: ["http.request"],
});
const answerOf = (body: string) => ({
  ...{ status: 200, url: "https://api.example/", headers: {}, body, encoding: "utf8", bytes: body.length },
});

describe("a full disk", () => {
  const clock = fakeClock();
  let folder = "";
  let world: RunWorld;
  let stop = new AbortController();
  let looping = Promise.resolve();

  /** The database may grow by this many pages more, and not one further. */
  const leave = (pages: number): void => {
    const count = one<{ page_count: number }>(world.database, "PRAGMA page_count")?.page_count ?? 0;
    world.database.run(`PRAGMA max_page_count = ${count + pages}`);
  };
  const open = (ops: Ops): void => {
    world = openRunWorld({ ops, clock, path: join(folder, "log.sqlite") });
  };
  const work = (): void => {
    stop = new AbortController();
    looping = world.engine.loop(stop.signal);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "oa-full-"));
  });
  afterEach(async () => {
    stop.abort();
    await looping;
    assert.deepEqual(world.store.verify().first_bad, null, "the audit chain verifies");
    world.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("refuses a new run with disk_full, writes nothing of it, and takes it once there is space", async () => {
    open({ "http.request": async () => answerOf("ok") });
    const installs = Array.from({ length: 40 }, () => world.install(manifest));
    leave(2);
    const events = (): number => [...world.store.after(0)].length;
    let before = events();
    const [install_id = "", fault] = await firstFault(installs, () => {
      before = events();
    });
    assert.deepEqual([fault?.code, fault?.retryable], ["disk_full", true]);
    assert.equal(events(), before, "nothing is half-written");
    leave(10_000);
    work();
    const started = await world.engine.start(install_id, "manual");
    assert.ok(!isRejection(started), JSON.stringify(started));
    await clock.pass(60_000);
    assert.equal((await world.engine.wait(started.run_id, AbortSignal.timeout(5_000))).status, "succeeded");
  });

  /** Queues runs until one is refused by a fault. */
  const firstFault = async (
    installs: readonly string[],
    next: () => void,
  ): Promise<readonly [string | undefined, Fault | undefined]> => {
    for (const install_id of installs) {
      next();
      try {
        assert.ok(!isRejection(await world.engine.start(install_id, "manual")));
      } catch (error) {
        assert.ok(error instanceof Fault);
        return [install_id, error];
      }
    }
    return [undefined, undefined];
  };

  it("holds a step's outcome until it can be written: the step is not performed again", async () => {
    let calls = 0;
    open({
      "http.request": async () => {
        calls += 1;
        leave(2);
        return answerOf("x".repeat(200_000));
      },
    });
    work();
    const started = await world.engine.start(world.install(manifest), "manual");
    assert.ok(!isRejection(started));
    await clock.pass(100_000);
    const waiting = world.store.bySubject(started.run_id);
    assert.equal(waiting.at(-1)?.event_type, "step.started", "the outcome could not be written yet");
    assert.ok(world.reports.every((report) => report instanceof Fault && report.code === "disk_full"));
    assert.ok(world.reports.length > 2);
    leave(10_000);
    await clock.pass(31_000);
    assert.equal((await world.engine.wait(started.run_id, AbortSignal.timeout(5_000))).status, "succeeded");
    assert.equal(calls, 1);
  });
});
