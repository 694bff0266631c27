import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { MachineReadings, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { getRun, type RunView } from "@oa/shared/run/views.ts";
import type { Op } from "@oa/worker/ops/op.ts";
import { fakeClock, manifestOf, openRunWorld, type RunWorld, settled } from "../fakes/runs.ts";

const answer = { status: 200, url: "https://api.example/", headers: {}, body: "", encoding: "utf8", bytes: 0 };
const step = (id: string) => ({ op: "http.request", id, url: "https://api.example/" });
const two = manifestOf([step("first"), step("second")], { network: ["api.example"], tools: ["http.request"] });
const nightly: UpgradeManifest = {
  ...two,
  schedule: {
    ...{ type: "cron", expression: "0 3 * * *", timezone: "UTC" },
    constraints: { plugged_in: true, suspend_if_active: true, wifi_only: true },
  },
};

describe("pausing", () => {
  let world: RunWorld;
  let stop = new AbortController();
  let looping: Promise<void> = Promise.resolve();
  let clock = fakeClock();
  let machine: MachineReadings = {};
  let turns: (() => void)[] = [];
  /** An op that takes a turn whenever the test lets it, with a checkpoint before each of three. */
  const batches: Op<never, object> = async (_, { checkpoint, signal }) => {
    for (let batch = 0; batch < 3; batch += 1) {
      await checkpoint();
      await new Promise<void>((resolve, reject) => {
        turns.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    }
    return answer;
  };
  const turn = async (): Promise<void> => {
    turns.shift()?.();
    await settled();
  };
  const open = (path?: string): void => {
    stop = new AbortController();
    turns = [];
    world = openRunWorld({
      ...(path === undefined ? {} : { path }),
      ...{ ops: { "http.request": batches }, clock, measure: async () => machine },
    });
    looping = world.engine.loop(stop.signal);
  };
  const start = async (manifest = two, reason: "manual" | "schedule" = "manual", deadline_ms?: number) => {
    const options = deadline_ms === undefined ? {} : { deadline_ms };
    const run = await world.engine.start(world.install(manifest), reason, options);
    assert.ok(!isRejection(run), JSON.stringify(run));
    await settled();
    return run.run_id;
  };
  const view = (run_id: string): RunView => {
    const run = getRun(world.database, run_id);
    assert.ok(run !== null);
    return run;
  };
  const types = (run_id: string): readonly string[] =>
    world.store.bySubject(run_id).map(({ event_type }) => event_type);
  afterEach(async () => {
    stop.abort();
    await looping;
    assert.deepEqual(world.reports, []);
    assert.equal(world.store.verify().ok, true);
    world.close();
    clock = fakeClock();
    machine = {};
  });

  it("by the owner holds a run between two steps, and resuming it goes on with the next", async () => {
    open();
    const run_id = await start();
    for (const _ of [1, 2]) await turn();
    assert.equal(await world.engine.pause(run_id, "a call"), undefined);
    await turn(); // the last batch of the first step was already under way
    assert.equal(view(run_id).steps_done, 1);
    assert.deepEqual([view(run_id).paused_by, view(run_id).paused_reason], ["owner", "a call"]);
    await clock.pass(120_000);
    assert.equal(turns.length, 0, "nothing happens while it is paused");
    assert.equal(await world.engine.resume(run_id, "done"), undefined);
    await settled();
    for (const _ of [1, 2, 3]) await turn();
    assert.equal(view(run_id).status, "succeeded");
    assert.equal(types(run_id).filter((type) => type === "step.started").length, 2, "no step was performed twice");
  });

  it("holds a long op between two batches, gives its place to another run, and does not count the time", async () => {
    open();
    const pipeline = two.pipeline.map((one) => ({ ...one, timeout_ms: 60_000 }));
    const run_id = await start({ ...two, pipeline: pipeline as UpgradeManifest["pipeline"] });
    await world.engine.pause(run_id, "a call");
    await turn();
    assert.equal(turns.length, 0, "the second batch waits at the checkpoint");
    const other = await start();
    assert.equal(turns.length, 1, "another run has its place");
    await world.engine.cancel(other, "enough");
    await settled();
    turns = [];
    await clock.pass(120_000); // longer than the step may take
    await world.engine.resume(run_id, "done");
    await settled();
    for (const _ of [1, 2, 3, 4, 5]) await turn();
    assert.equal(view(run_id).status, "succeeded");
    assert.ok(!types(run_id).includes("step.failed"));
  });

  it("does not outlive a cancellation: what waits at a checkpoint ends at once", async () => {
    open();
    const run_id = await start();
    await world.engine.pause(run_id, "a call");
    await turn();
    await world.engine.cancel(run_id, "enough");
    await settled();
    assert.deepEqual([view(run_id).status, view(run_id).paused_by], ["canceled", null]);
  });

  it("holds a run that has not begun, and cancelling it needs no resuming", async () => {
    open();
    const first = await start();
    const second = await start();
    await world.engine.pause(second, "not now");
    await world.engine.cancel(first, "enough");
    await clock.pass(60_000);
    assert.deepEqual([view(second).status, view(second).started_at], ["queued", null]);
    await world.engine.cancel(second, "enough");
    await settled();
    assert.equal(view(second).status, "canceled");
  });

  it("is refused for a run that is unknown or over", async () => {
    open();
    const run_id = await start();
    await world.engine.cancel(run_id, "enough");
    await settled();
    const over = await world.engine.pause(run_id, "late");
    assert.equal(isRejection(over) && over.code, "run_finished");
    const unknown = await world.engine.resume("run_none", "?");
    assert.equal(isRejection(unknown) && unknown.code, "not_found");
  });

  it("by the machine follows what is measured, and tells it", async () => {
    open();
    machine = { plugged_in: { value: true }, idle_ms: { value: 3_600_000 } };
    const run_id = await start(nightly, "schedule");
    await clock.pass(10_000);
    assert.equal(view(run_id).paused_by, null);
    machine = { plugged_in: { value: false }, idle_ms: { value: 5 } };
    await clock.pass(5_000);
    assert.equal(view(run_id).paused_by, "machine");
    assert.match(
      view(run_id).paused_reason ?? "",
      /^plugged_in: on battery; suspend_if_active: no input for 0 s of at least 5 min$/,
    );
    await turn();
    assert.equal(turns.length, 0);
    machine = { plugged_in: { unknown: "the battery does not answer" }, idle_ms: { value: 3_600_000 } };
    await clock.pass(60_000);
    assert.equal(view(run_id).paused_by, "machine", "what cannot be known is waited for");
    machine = { plugged_in: { value: true }, idle_ms: { value: 3_600_000 } };
    await clock.pass(5_000);
    assert.equal(view(run_id).paused_by, null);
    assert.deepEqual(
      types(run_id).filter((type) => /paused|resumed/.test(type)),
      ["run.paused", "run.resumed"],
      "each change once",
    );
  });

  it("by the machine spares a run that its owner asked for by hand", async () => {
    open();
    machine = { plugged_in: { value: false }, idle_ms: { value: 0 } };
    const run_id = await start(nightly, "manual");
    await clock.pass(60_000);
    assert.equal(view(run_id).paused_by, null);
  });

  it("does not hold a run beyond its deadline", async () => {
    open();
    const held = await start(two, "manual", 60_000);
    await world.engine.pause(held, "a call");
    await turn(); // it waits within its step
    const waiting = await start(two, "manual", 60_000);
    await world.engine.pause(waiting, "not now");
    turns = [];
    await clock.pass(62_000);
    for (const run_id of [held, waiting]) {
      assert.deepEqual([view(run_id).status, view(run_id).code, view(run_id).paused_by], ["failed", "timeout", null]);
    }
  });

  it("has nothing to do with a deadline, which ends a step that is running", async () => {
    open();
    const run_id = await start(two, "manual", 60_000);
    await clock.pass(60_000);
    const { status, code, message } = view(run_id);
    assert.deepEqual([status, code], ["failed", "timeout"]);
    assert.match(message ?? "", /deadline/);
  });
});
