import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { controlApp } from "@oa/shared/api/app.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { ScheduleTrace } from "@oa/shared/generated/types.ts";
import { scheduleProjection } from "@oa/shared/schedule/views.ts";
import { triggerProjection } from "@oa/shared/trigger/views.ts";
import { openArtifacts } from "@oa/worker/adapters/artifacts.ts";
import { counter, gauge, histogram, metricsText } from "@oa/worker/adapters/metrics.ts";
import { openOwnStates } from "@oa/worker/adapters/own-states.ts";
import { openRunGuard } from "@oa/worker/adapters/run-usage.ts";
import { guardedApp } from "@oa/worker/admin/guard.ts";
import { openMetrics } from "@oa/worker/admin/metrics.ts";
import { resourceMetrics } from "@oa/worker/admin/resource-metrics.ts";
import type { Op } from "@oa/worker/ops/op.ts";
import { contextOf, fakeClock, manifestOf, openRunWorld, settled } from "../fakes/runs.ts";
import { needs } from "../needs.ts";

const READ = { content: "x", bytes: 1, sha256: "e".repeat(64) };

function open(context: TestContext, read: Op<never, object> = async () => READ) {
  const clock = fakeClock();
  const projections = [scheduleProjection, triggerProjection];
  const world = openRunWorld({ clock, ops: { "fs.read": read }, projections });
  const render = openMetrics({ store: world.store, sql: world.database });
  const stop = new AbortController();
  const looping = world.engine.loop(stop.signal);
  context.after(async () => {
    stop.abort();
    await looping;
    world.close();
  });
  const install_id = world.install(manifestOf([{ op: "fs.read", path: "/data/a" }], { filesystem: ["/data/**"] }));
  const run = async (): Promise<void> => {
    const started = await world.engine.start(install_id, "manual");
    assert.ok(!isRejection(started));
    for (let turn = 0; turn < 40; turn += 1) {
      await settled();
      await clock.pass(1_000);
    }
  };
  /** The value of a series, 0 where there is none. */
  const value = async (series: string): Promise<number> => {
    const line = (await render()).split("\n").find((text) => text.startsWith(`${series} `));
    return line === undefined ? 0 : Number(line.slice(series.length + 1));
  };
  const record = (event_type: string, data: object): void => {
    const task = { subject_id: "schedule_x", run: () => [{ event_type, data }] };
    assert.ok(!isRejection(world.store.handle(contextOf(clock.now_ms()), [task])));
  };
  return { world, render, run, value, record, install_id };
}

describe("the worker's metrics", () => {
  it("count runs and steps by outcome, with how long they took", async (context) => {
    const { run, value } = open(context);
    await run();
    await run();
    assert.equal(await value('openagents_runs_total{outcome="succeeded",reason="manual"}'), 2);
    assert.equal(await value('openagents_steps_total{op="fs.read",outcome="succeeded"}'), 2);
    assert.equal(await value('openagents_run_duration_seconds_count{outcome="succeeded"}'), 2);
    assert.equal(await value('openagents_step_duration_seconds_bucket{op="fs.read",le="+Inf"}'), 2);
    assert.equal(await value("openagents_run_queue_seconds_count"), 2);
    assert.equal(await value("openagents_queue_depth"), 0);
    assert.equal(await value('openagents_installs{status="enabled"}'), 1);
    // Asked twice, nothing is counted twice.
    assert.equal(await value('openagents_runs_total{outcome="succeeded",reason="manual"}'), 2);
  });
  it("count failures by code", async (context) => {
    const { run, value } = open(context, async () => {
      throw new Fault("not_found", "there is no such file");
    });
    await run();
    assert.equal(await value('openagents_runs_total{outcome="failed",reason="manual"}'), 1);
    assert.equal(await value('openagents_run_failures_total{code="not_found"}'), 1);
    assert.ok((await value('openagents_step_failures_total{code="not_found"}')) >= 1);
  });
  it("tell of waiting, missed and caught-up runs from what was decided", async (context) => {
    const { record, value } = open(context);
    const trace = (outcome: ScheduleTrace["outcome"], rest: Partial<ScheduleTrace> = {}): object => ({
      ...{ due_ms: 1, fire_at_ms: 1, late_ms: 0, due_times: 1, window: null, constraints: [], on_missed: "catch_up" },
      ...{ active_runs: 0, outcome, ...rest },
    });
    const data = { install_id: "install_1", at_ms: 1, next: null };
    const fired = { ...data, due_ms: 1, reason: "catch_up" };
    record("schedule.fired", { ...fired, trace: trace("caught_up") });
    record("schedule.skipped", { ...data, trace: trace("missed", { due_times: 3 }) });
    record("schedule.deferred", { ...data, trace: trace("waits_for_window") });
    const unmet = { name: "plugged_in", required: true, measured: false, met: "no" } as const;
    record("schedule.deferred", { ...data, trace: trace("waits_for_constraints", { constraints: [unmet] }) });
    assert.equal(await value("openagents_caught_up_runs_total"), 1);
    assert.equal(await value('openagents_missed_runs_total{reason="missed"}'), 3);
    assert.equal(await value('openagents_waits_total{reason="window"}'), 1);
    assert.equal(await value('openagents_waits_total{reason="plugged_in"}'), 1);
    assert.equal(await value('openagents_schedule_decisions_total{outcome="missed"}'), 1);
  });
  it("tell of the process itself", async (context) => {
    const { value } = open(context);
    assert.ok((await value("process_cpu_seconds_total")) > 0);
    assert.ok((await value("process_resident_memory_bytes")) > 1_000_000);
  });
  it("read a long log without losing count", async (context) => {
    const { record, value } = open(context);
    const next = { install_id: "install_1", fire: 1, at_ms: 1, code: "busy", message: "later", again: true };
    for (let index = 0; index < 3 * LIMITS.metric_batch + 1; index += 1) record("trigger.run_refused", next);
    assert.equal(await value('openagents_start_refusals_total{code="busy"}'), 3 * LIMITS.metric_batch + 1);
  });
  it("name no install, no upgrade and no path", async (context) => {
    const { render, run, install_id } = open(context);
    await run();
    assert.doesNotMatch(await render(), new RegExp(`${install_id}|example|/data|run_0`));
  });
  it("are what Prometheus' own checker takes", { skip: needs("promtool") }, async (context) => {
    const { render, run, record } = open(context);
    await run();
    record("trigger.run_refused", { install_id: "i", fire: 1, at_ms: 1, code: "busy", message: "", again: true });
    const checked = spawnSync("promtool", ["check", "metrics"], { input: await render(), encoding: "utf8" });
    assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, "", ""]);
  });
});

describe("what is told of the machine", () => {
  /** Real stores in a folder, and the figures of runs and model processes as a test says. */
  async function resources(context: TestContext, changes: Partial<Parameters<typeof resourceMetrics>[0]> = {}) {
    const data_dir = mkdtempSync(join(tmpdir(), "oa-metrics-"));
    context.after(() => rmSync(data_dir, { recursive: true, force: true }));
    const artifacts = await openArtifacts(data_dir, 5_000);
    await artifacts.put(new Uint8Array(1_200));
    const states = openOwnStates(data_dir, 7_000);
    const state = states.of({ install_id: "install_1", chain: [1], bytes_max: 5_000 });
    writeFileSync(join(await state.open(), "kept"), "x".repeat(300));
    await state.measure();
    const guard = openRunGuard({ capsOf: () => ({ memory_bytes: 1e12, cpu_ms: 1e12 }) });
    const child = guard.usageOf({ run_id: "run_1", install_id: null }).enter(() => {});
    child.sample({ memory_bytes: 4_096, cpu_ms: 1_500 }, "git");
    const reports: unknown[] = [];
    const world = openRunWorld({ ops: {}, projections: [scheduleProjection, triggerProjection] });
    context.after(() => world.close());
    const backends = {
      hosts: async () => [
        { memory_bytes: 10_000, cpu_ms: 250 },
        { memory_bytes: 5_000, cpu_ms: 0 },
      ],
    };
    const report = (error: unknown): void => void reports.push(error);
    const options = { guard, backends, artifacts, states, data_dir, report, ...changes };
    const render = openMetrics({ store: world.store, sql: world.database, resources: resourceMetrics(options) });
    const lines = (text: string): readonly string[] =>
      text.split("\n").filter((line) => /^openagents_(run_(cpu|children|memory)|model|store|disk)/.test(line));
    return { render, reports, child, artifacts, lines: async () => lines(await render()) };
  }

  it("is what runs, models and outputs take of it, and what is left", async (context) => {
    const { lines, child, artifacts } = await resources(context);
    const [free = "", size = "", ...more] = (await lines()).filter((line) => line.includes("_disk_"));
    assert.match(free, /^openagents_disk_free_bytes [1-9]\d*$/);
    assert.match(size, /^openagents_disk_size_bytes [1-9]\d*$/);
    assert.deepEqual(more, []);
    const others = async () => (await lines()).filter((line) => !line.includes("_disk_"));
    assert.deepEqual(await others(), [
      "openagents_run_cpu_seconds_total 1.5",
      'openagents_run_children{kind="process"} 1',
      'openagents_run_children{kind="thread"} 0',
      'openagents_run_memory_bytes{kind="process"} 4096',
      'openagents_run_memory_bytes{kind="thread"} 0',
      'openagents_run_memory_bytes{kind="worker"} 0',
      "openagents_model_hosts 2",
      "openagents_model_host_memory_bytes 15000",
      "openagents_model_host_cpu_seconds 0.25",
      'openagents_store_bytes{store="artifacts"} 1200',
      'openagents_store_bytes{store="states"} 300',
      'openagents_store_quota_bytes{store="artifacts"} 5000',
      'openagents_store_quota_bytes{store="states"} 7000',
    ]);
    child.leave();
    await artifacts.sweep(new Set(), Number.POSITIVE_INFINITY);
    const later = await others();
    assert.ok(later.includes("openagents_run_cpu_seconds_total 1.5"), "what was used stays counted");
    assert.ok(later.includes('openagents_run_children{kind="process"} 0'));
    assert.ok(later.includes('openagents_store_bytes{store="artifacts"} 0'));
  });
  it("leaves out what cannot be measured, reports why, and tells the rest", async (context) => {
    const broken = new Fault("file_access", "the folder cannot be read");
    const { lines, reports } = await resources(context, {
      data_dir: "/nonexistent/folder",
      states: { room: () => Promise.reject(broken) },
      backends: { hosts: () => Promise.reject(broken) },
    });
    const told = await lines();
    assert.equal(
      told.some((line) => /disk|states/.test(line)),
      false,
      told.join("\n"),
    );
    assert.ok(told.includes('openagents_store_bytes{store="artifacts"} 1200'));
    assert.ok(told.includes("openagents_model_hosts 0"));
    assert.equal(reports.length, 3);
  });
  it("is what Prometheus' own checker takes", { skip: needs("promtool") }, async (context) => {
    const { render } = await resources(context);
    const checked = spawnSync("promtool", ["check", "metrics"], { input: await render(), encoding: "utf8" });
    assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, "", ""]);
  });
});

describe("the text format", () => {
  it("escapes what labels hold, and counts each bucket with those below it", () => {
    const odd = counter("odd_total", "Odd.");
    odd.add({ code: 'a"b\\c\nd' }, 2);
    const spread = histogram("spread_seconds", "Spread.", [1, 5]);
    for (const seconds of [0.5, 1, 3, 9]) spread.observe({}, seconds);
    const lines = metricsText([odd, spread, gauge("none", "None.", () => [])]).split("\n");
    assert.deepEqual(lines, [
      "# HELP odd_total Odd.",
      "# TYPE odd_total counter",
      'odd_total{code="a\\"b\\\\c\\nd"} 2',
      "# HELP spread_seconds Spread.",
      "# TYPE spread_seconds histogram",
      'spread_seconds_bucket{le="1"} 2',
      'spread_seconds_bucket{le="5"} 3',
      'spread_seconds_bucket{le="+Inf"} 4',
      "spread_seconds_sum 13.5",
      "spread_seconds_count 4",
      "# HELP none None.",
      "# TYPE none gauge",
      "",
    ]);
  });
  it("does not grow for ever: series beyond the limit count as one", () => {
    const many = counter("many_total", "Many.");
    for (let index = 0; index < LIMITS.metric_series + 100; index += 1) many.add({ code: `c${index}` });
    const lines = many.text().split("\n");
    assert.equal(lines.length, LIMITS.metric_series + 1 + 3);
    assert.ok(lines.includes('many_total{code="other"} 100'));
  });
});

describe("GET /metrics", () => {
  const app = guardedApp(controlApp({ metrics: async () => "up 1\n" } as unknown as ControlPorts), {
    ...{ port: () => 6767, token: "secret" },
  });
  const ask = (headers: Record<string, string>) =>
    app.request("/metrics", { headers: { host: "127.0.0.1:6767", ...headers } });

  it("answers whoever has the admin token, and nobody else", async () => {
    const answer = await ask({ authorization: "Bearer secret" });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.equal(await answer.text(), "up 1\n");
    assert.equal((await ask({})).status, 401);
    assert.equal((await ask({ authorization: "Bearer secret", origin: "https://evil.example" })).status, 403);
  });
});
