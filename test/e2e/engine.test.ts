import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { Recorded } from "@oa/shared/core/envelope.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { Fault, isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { RunEvent } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { apart } from "@oa/shared/run/boundary.ts";
import { getRun, type RunView } from "@oa/shared/run/views.ts";
import type { Op, OpContext } from "@oa/worker/ops/op.ts";
import {
  contextOf,
  fakeClock,
  manifestOf,
  type Ops,
  openRunWorld,
  orderCommand,
  type RunWorld,
  settled,
} from "../fakes/runs.ts";

const answer = (body: string) => ({
  ...{ status: 200, url: "https://api.example/", headers: {}, body, encoding: "utf8", bytes: body.length },
});
const get: Op<never, object> = async () => answer("hello");
const written = { path: "/data/out.txt", bytes: 5, sha256: "e".repeat(64) };
const fetchAndWrite = manifestOf(
  [
    { op: "http.request", id: "fetch", url: "https://api.example/" },
    { op: "fs.write", id: "keep", path: "/data/out.txt", content: "${steps.fetch.body} in ${run.id}" },
  ],
  { network: ["api.example"], filesystem: ["/data/**"], tools: ["http.request", "fs.write"] },
);

describe("the engine", () => {
  let world: RunWorld;
  let stop = new AbortController();
  let looping: Promise<void> = Promise.resolve();
  const clock = fakeClock();

  const open = (ops: Ops, options: Partial<Parameters<typeof openRunWorld>[0]> = {}): RunWorld => {
    stop = new AbortController();
    world = openRunWorld({ ops, clock, ...options });
    looping = world.engine.loop(stop.signal);
    return world;
  };
  const startRun = async (install_id: string): Promise<string> => {
    const started = await world.engine.start(install_id, "manual");
    assert.ok(!isRejection(started), JSON.stringify(started));
    return started.run_id;
  };
  const end = async (run_id: string): Promise<RunView> => {
    await settled();
    await world.engine.wait(run_id, AbortSignal.timeout(5_000));
    const run = getRun(world.database, run_id);
    assert.ok(run !== null);
    return run;
  };
  afterEach(async () => {
    stop.abort();
    await looping;
    assert.deepEqual(world.store.verify().ok, true, "the audit chain verifies");
    world.close();
  });

  it("performs a pipeline, wires results into later steps and keeps all of it as events", async () => {
    const seen: unknown[] = [];
    const write: Op<never, object> = async (params, { idempotency_key }) => {
      seen.push(params, idempotency_key);
      return written;
    };
    open({ "http.request": get, "fs.write": write });
    const run_id = await startRun(world.install(fetchAndWrite));
    const run = await end(run_id);
    assert.equal(run.status, "succeeded");
    assert.deepEqual(seen, [{ path: "/data/out.txt", content: `hello in ${run_id}` }, `${run_id}/keep`]);
    assert.deepEqual(
      world.store.bySubject(run_id).map(({ event_type }) => event_type),
      ["run.created", "run.claimed", "step.started", "step.succeeded", "step.succeeded", "run.completed"],
      "a step's success and the start after it are one event",
    );
  });

  it("tries again after the back-off, and not before", async () => {
    let calls = 0;
    const flaky: Op<never, object> = async () => {
      calls += 1;
      if (calls < 3) throw new Fault("timeout", "the server is slow", { retryable: true });
      return answer("at last");
    };
    open({ "http.request": flaky, "fs.write": async () => written });
    const run_id = await startRun(world.install(fetchAndWrite));
    await settled();
    assert.equal(calls, 1);
    await clock.pass(900);
    assert.equal(calls, 1);
    await clock.pass(1_200);
    assert.equal(calls, 2);
    await clock.pass(4_100);
    assert.equal((await end(run_id)).status, "succeeded");
    assert.equal(calls, 3);
  });

  it("stops an op at the step's time limit, even one that ignores its signal", async () => {
    const deaf: Op<never, object> = () => new Promise(() => undefined);
    open({ "http.request": deaf, "fs.write": async () => written });
    const pipeline = fetchAndWrite.pipeline.map((step) => ({ ...step, timeout_ms: 500, retry: { max_attempts: 1 } }));
    const run_id = await startRun(world.install({ ...fetchAndWrite, pipeline: pipeline as never }));
    await clock.pass(500);
    await clock.pass(5_000);
    const run = await end(run_id);
    assert.deepEqual([run.status, run.code], ["failed", "timeout"]);
    assert.match(run.message ?? "", /longer than 500 ms/);
  });

  it("cancels a running step through its signal and records both", async () => {
    const patient: Op<never, object> = (_, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    open({ "http.request": patient, "fs.write": async () => written });
    const run_id = await startRun(world.install(fetchAndWrite));
    await settled();
    assert.equal(await world.engine.cancel(run_id, "changed my mind"), undefined);
    const run = await end(run_id);
    assert.deepEqual([run.status, run.message], ["canceled", "changed my mind"]);
    assert.equal(run.steps[0]?.code, "canceled");
    const again = await world.engine.cancel(run_id, "again");
    assert.equal(isRejection(again) && again.code, "run_finished");
  });

  it("cancels a run that only waits at once, though another one is running", async () => {
    const patient: Op<never, object> = (_, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    open({ "http.request": patient, "fs.write": async () => written });
    const first = await startRun(world.install(fetchAndWrite));
    const second = await startRun(world.install(fetchAndWrite));
    await settled();
    await world.engine.cancel(second, "not needed");
    assert.equal((await end(second)).status, "canceled");
    await world.engine.cancel(first, "done testing");
    await end(first);
  });

  it("performs no further step of a run whose install was removed", async () => {
    const calls: string[] = [];
    let removed: string | undefined;
    const remove: Op<never, object> = async () => {
      const command = { type: "remove", reason: "not wanted" } as const;
      const done = world.store.handle(contextOf(clock.now_ms()), [task(installDecider, removed ?? "", command)]);
      assert.ok(!isRejection(done));
      return answer("ok");
    };
    const write: Op<never, object> = async (_, { step_id }) => {
      calls.push(step_id);
      return written;
    };
    open({ "http.request": remove, "fs.write": write });
    removed = world.install(fetchAndWrite);
    const run = await end(await startRun(removed));
    assert.deepEqual([run.status, run.message, calls], ["canceled", "its install was removed", []]);
  });

  it("runs no more at a time than its owner allows", async () => {
    let running = 0;
    let most = 0;
    const slow: Op<never, object> = async () => {
      running += 1;
      most = Math.max(most, running);
      await clock.sleep(1_000, new AbortController().signal);
      running -= 1;
      return answer("ok");
    };
    open({ "http.request": slow, "fs.write": async () => written }, { concurrency: 2 });
    const runs: string[] = [];
    for (let count = 0; count < 5; count += 1) runs.push(await startRun(world.install(fetchAndWrite)));
    await clock.pass(20_000);
    for (const run_id of runs) assert.equal((await end(run_id)).status, "succeeded");
    assert.equal(most, 2);
  });

  it("keeps an error that is a bug out of the events, and goes on", async () => {
    const broken: Op<never, object> = async () => {
      throw new TypeError("secret-token-123 is undefined");
    };
    open({ "http.request": broken, "fs.write": async () => written });
    const run_id = await startRun(world.install(fetchAndWrite));
    const run = await end(run_id);
    assert.deepEqual([run.status, run.code], ["failed", "internal"]);
    assert.ok(!JSON.stringify(world.store.bySubject(run_id)).includes("secret-token-123"));
    assert.equal(world.reports.length, 1);
  });

  it("refuses results that break the op's contract or are too large to keep", async () => {
    open({ "http.request": async () => ({ nonsense: true }), "fs.write": async () => written });
    assert.equal((await end(await startRun(world.install(fetchAndWrite)))).code, "result_invalid");
    stop.abort();
    await looping;
    world.close();
    open({ "http.request": async () => answer("x".repeat(1_100_000)), "fs.write": async () => written });
    assert.equal((await end(await startRun(world.install(fetchAndWrite)))).code, "too_large");
  });

  it("keeps text with half characters out of the log: lines are mended, a result is refused", async () => {
    const halved = async (_: never, { log }: OpContext) => {
      log("info", `${"x".repeat(1_999)}\u{1F600}`, { half: "\ud800" });
      return answer("\udc00");
    };
    open({ "http.request": halved, "fs.write": async () => written });
    const run_id = await startRun(world.install(fetchAndWrite));
    assert.equal((await end(run_id)).code, "result_invalid");
    assert.equal(world.store.bySubject(run_id).filter(({ event_type }) => event_type === "run.log").length, 1);
    assert.deepEqual(world.reports, []);
  });

  it("fails a step whose reference has no value, after its start was recorded", async () => {
    const manifest = manifestOf(
      [
        { op: "http.request", id: "fetch", url: "https://api.example/" },
        { op: "fs.write", id: "keep", path: "/data/out.txt", content: "${steps.fetch.json}" },
      ],
      { network: ["api.example"], filesystem: ["/data/**"], tools: ["http.request", "fs.write"] },
    );
    open({ "http.request": get, "fs.write": async () => written });
    const run = await end(await startRun(world.install(manifest)));
    assert.deepEqual([run.status, run.code, run.steps[1]?.status], ["failed", "reference_unresolved", "failed"]);
  });

  const revoked = [{ permission: "filesystem:write:/data/**", granted: "filesystem:write:/data/**" }] as const;
  const take = { type: "set_revocations", revoked } as const;
  const pins = { release_event_id: "c".repeat(64), manifest_event_id: "e".repeat(64) };
  const update = orderCommand({ ...fetchAndWrite, version: "1.0.1" }, Date.now(), { pins, revision: 2 });
  for (const [title, commands] of [
    ["meanwhile", [take]],
    ["before its install was updated", [take, update]],
    ["after its install was updated", [update, take]],
  ] as const) {
    it(`does not begin a step that needs what its owner took away ${title}`, async () => {
      const free = Promise.withResolvers<void>();
      open({
        "http.request": (params, context) => free.promise.then(() => get(params, context)),
        "fs.write": async () => written,
      });
      const install_id = world.install(fetchAndWrite);
      const run_id = await startRun(install_id);
      for (const command of commands) {
        const done = world.store.handle(contextOf(Date.now()), [task(installDecider, install_id, command)]);
        assert.ok(!isRejection(done), JSON.stringify(done));
      }
      free.resolve();
      const run = await end(run_id);
      assert.deepEqual([run.status, run.code, run.steps[0]?.status], ["failed", "permission_revoked", "succeeded"]);
    });
  }

  it("says why there can be no run", async () => {
    open({ "http.request": () => new Promise(() => undefined), "fs.write": async () => written });
    const code = async (install_id: string) => {
      const started = await world.engine.start(install_id, "manual");
      return isRejection(started) ? started.code : started;
    };
    assert.equal(await code("install_none"), "not_found");
    for (const change of [world.engine.cancel, world.engine.pause, world.engine.resume]) {
      const refused = await change("run_none", "enough");
      assert.equal(refused?.message, "there is no run run_none");
    }
    const install_id = world.install(fetchAndWrite);
    const run_id = await startRun(install_id);
    assert.equal(await code(install_id), "already_running");
    await world.engine.cancel(run_id, "done testing");
    await clock.pass(6_000);
    await end(run_id);
  });

  it("makes one run for a due time, however often the scheduler asks", async () => {
    open({ "http.request": get, "fs.write": async () => written });
    const install_id = world.install(fetchAndWrite);
    const first = await world.engine.start(install_id, "schedule", { due_ms: 1_000 });
    const second = await world.engine.start(install_id, "schedule", { due_ms: 1_000 });
    assert.deepEqual(first, second);
    const other = await world.engine.start(install_id, "schedule", { due_ms: 2_000 });
    assert.equal(isRejection(other) && other.code, "already_running");
  });

  it("answers a due time that something stands against with its run, where one was made, and makes none", async () => {
    open({ "http.request": get, "fs.write": async () => written });
    const install_id = world.install(fetchAndWrite);
    const against = reject("busy", "its window closed");
    assert.equal(await world.engine.start(install_id, "schedule", { due_ms: 1_000, against }), against);
    const made = await world.engine.start(install_id, "schedule", { due_ms: 1_000 });
    assert.ok(!isRejection(made));
    assert.deepEqual(await world.engine.start(install_id, "schedule", { due_ms: 1_000, against }), made);
  });

  it("keeps lines and outputs of a step in order, before how it ended", async () => {
    const talkative = async (_: never, context: OpContext) => {
      context.log("info", "fetching", { bytes: 5 });
      await context.artifact("page.html", "text/html", new Uint8Array(5));
      context.log("warn", "x".repeat(5_000));
      context.progress(1, 2, "pages");
      return answer("ok");
    };
    open({ "http.request": talkative, "fs.write": async () => written });
    const run_id = await startRun(world.install(fetchAndWrite));
    const run = await end(run_id);
    assert.equal(run.artifacts[0]?.name, "page.html");
    const events = world.store.bySubject(run_id);
    assert.deepEqual(
      events.slice(2, 7).map(({ event_type }) => event_type),
      ["step.started", "run.log", "artifact.created", "run.log", "step.succeeded"],
    );
    assert.ok(JSON.stringify(events).length < 20_000, "a long line is cut");
  });

  it("rebuilds its read models from the log to what they were", async () => {
    open({ "http.request": get, "fs.write": async () => written });
    await end(await startRun(world.install(fetchAndWrite)));
    const dump = () =>
      ["proj_runs", "proj_artifacts", "proj_installs", "proj_pairings"].map((table) =>
        world.database.all(`SELECT * FROM ${table}`),
      );
    const live = dump();
    world.store.rebuild();
    assert.deepEqual(dump(), live);
  });

  it("resumes what another engine left, without performing a finished step again", async () => {
    const calls: string[] = [];
    const hang: Op<never, object> = (_, { step_id, signal }) => {
      calls.push(step_id);
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const first: Op<never, object> = async (_, { step_id }) => {
      calls.push(step_id);
      return answer("ok");
    };
    const ops = { "http.request": first, "fs.write": hang } as Record<string, Op<never, object>>;
    open(ops);
    const run_id = await startRun(world.install(fetchAndWrite));
    await settled();
    stop.abort();
    await looping;
    const left = apart(world.store.bySubject(run_id) as readonly Recorded<RunEvent>[]);
    assert.equal(left.at(-1)?.event_type, "step.started", "a stopping worker settles nothing");
    stop = new AbortController();
    looping = world.engine.loop(stop.signal);
    ops["fs.write"] = async (_, { step_id }) => {
      calls.push(step_id);
      return written;
    };
    assert.equal((await end(run_id)).status, "succeeded");
    assert.deepEqual(calls, ["fetch", "keep", "keep"]);
  });

  it("posts the completion note where the owner chose, the same event every time, and never fails the run", async () => {
    const posts: { created_at: number; relays?: readonly string[] }[] = [];
    const notes = {
      publish: async (_: unknown, options: { created_at: number; relays?: readonly string[] }) => {
        posts.push(options);
        if (posts.length === 1) throw new Fault("timeout", "no answer", { retryable: true });
        return { event_id: "f".repeat(64), accepted: options.relays ?? [], refused: [] };
      },
    };
    const relays = ["wss://relay.example"];
    open({ "http.request": get, "fs.write": async () => written }, { notes, completion_note_relays: relays });
    const run_id = await startRun(world.install(fetchAndWrite));
    assert.equal((await end(run_id)).status, "succeeded");
    await clock.pass(61_000);
    assert.equal(posts.length, 2);
    assert.equal(posts[0]?.created_at, posts[1]?.created_at);
    assert.deepEqual(posts[0]?.relays, relays);
    const run = await end(run_id);
    assert.deepEqual([run.status, run.note], ["succeeded", "posted"]);
  });
});
