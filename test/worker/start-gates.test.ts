/** What holds a run back before it starts besides the machine: a price that is not paid, a quota that is used up. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { HOUR_MS } from "@oa/shared/core/durations.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { LicenseAdded, QuotasConfig, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { getInstall } from "@oa/shared/install/views.ts";
import { licenseSubject } from "@oa/shared/license/decider.ts";
import { listLicences, trialRunsOf } from "@oa/shared/license/views.ts";
import { machineProjection } from "@oa/shared/machine/views.ts";
import { conductSubject } from "@oa/shared/policy/decider.ts";
import { listRuns } from "@oa/shared/run/views.ts";
import { scheduleProjection } from "@oa/shared/schedule/views.ts";
import { triggerProjection } from "@oa/shared/trigger/views.ts";
import { openMetrics } from "@oa/worker/admin/metrics.ts";
import { schedulePort } from "@oa/worker/admin/schedule.ts";
import { openScheduleLoop, scheduleTask } from "@oa/worker/loops/schedule.ts";
import { contextOf, fakeClock, KEY, manifestOf, openRunWorld, settled, WORKSPACE, whySide } from "../fakes/runs.ts";

const PAYMENT = "7".repeat(64);
const READ = { content: "x", bytes: 1, sha256: "e".repeat(64) };
/** The hour at which `fakeClock` starts, so that hours of the clock can be counted from it. */
const START = Math.floor(fakeClock().now_ms() / HOUR_MS) * HOUR_MS;

function open(context: TestContext, options: { readonly quotas?: QuotasConfig } = {}) {
  const clock = fakeClock(START);
  const projections = [scheduleProjection, machineProjection, triggerProjection];
  const world = openRunWorld({ clock, ops: { "fs.read": async () => READ }, projections, ...options });
  const stop = new AbortController();
  const { database: sql, engine, store } = world;
  const schedule = openScheduleLoop({
    ...{ store, sql, commit: sql.commit, workspace_id: WORKSPACE, measure: async () => ({}) },
    ...{ start: engine.start, gatesOf: engine.gates, activeRuns: () => 0, cancelRuns: async () => {} },
    clock: { ...clock, monotonic_ms: clock.now_ms },
    report: (error) => world.reports.push(error),
  });
  const looping = engine.loop(stop.signal);
  context.after(async () => {
    stop.abort();
    await looping;
    assert.deepEqual(world.reports, []);
    world.close();
  });
  const record = (subject_id: string, event_type: string, data: object): void => {
    const task = { subject_id, run: () => [{ event_type, data }] };
    assert.ok(!isRejection(store.handle(contextOf(clock.now_ms()), [task])));
  };
  /** Asks for a run and lets it end; its code where it was refused. */
  const run = async (install_id: string): Promise<string> => {
    const started = await engine.start(install_id, "manual");
    if (isRejection(started)) return started.code;
    for (let turn = 0; turn < 5; turn += 1) await clock.pass(1_000);
    return "ran";
  };
  const port = schedulePort({
    ...{ sql, worker: KEY, now_ms: clock.now_ms, measure: async () => ({}) },
    ...whySide(world),
  });
  return { ...{ world, clock, record, run, port, schedule, sql } };
}

const file = manifestOf([{ op: "fs.read", path: "/data/a" }], { filesystem: ["/data/**"] });
const PER_RUN: UpgradeManifest = { ...file, pricing: { model: "per-run", amount_sats: 50 } };
const posting = manifestOf([{ op: "http.request", method: "POST", url: "https://api.example/x", body: "y" }], {
  network: ["api.example"],
});

/** A licence for what is installed, as it would stand in the log after its receipt was verified. */
function licenceFor(
  side: ReturnType<typeof open>,
  install_id: string,
  change: Partial<LicenseAdded["data"]> = {},
): void {
  const pins = getInstall(side.sql, install_id)?.active;
  assert.ok(pins != null);
  side.record(licenseSubject(PAYMENT), "license.added", {
    ...{ receipt_event_id: "e".repeat(64), receipt_address: "30053:a:b", receipt_created_at: 1 },
    ...{ listing: pins.upgrade_address, version: pins.upgrade_version, release_event_id: pins.release_event_id },
    ...{ manifest_sha256: pins.manifest_sha256, buyer: KEY, seller: pins.author_pubkey, payment_hash: PAYMENT },
    ...{ network: "bitcoin", amount_msats: 50_000, model: "per-run", quantity: 2, expires_at: null },
    added_ms: side.clock.now_ms(),
    ...change,
  });
}

describe("the licence of a run", () => {
  it("is missing: nothing runs, by hand neither, and free upgrades are not asked", async (context) => {
    const side = open(context);
    const [paid, free] = [side.world.install(PER_RUN), side.world.install(file)];
    assert.equal(await side.run(paid), "licence_missing");
    assert.equal(await side.run(free), "ran");
    assert.deepEqual(side.world.engine.gates(free), { licence: "not_applicable", budget: "not_applicable" });
  });
  it("pays for as many runs as were bought, each counted with the run that it pays for", async (context) => {
    const side = open(context);
    const install_id = side.world.install(PER_RUN);
    licenceFor(side, install_id);
    assert.deepEqual([await side.run(install_id), await side.run(install_id)], ["ran", "ran"]);
    assert.equal(await side.run(install_id), "licence_used_up");
    assert.equal(listLicences(side.sql, 10)[0]?.runs_used, 2);
    assert.equal(listRuns(side.sql, { install_id, limit: 10 }).length, 2);
  });
  it("is not used up by a start that is refused, or asked for twice for one cause", async (context) => {
    const side = open(context);
    const install_id = side.world.install(PER_RUN);
    licenceFor(side, install_id);
    const asked = { cause: "once" };
    const first = await side.world.engine.start(install_id, "trigger", asked);
    assert.deepEqual(await side.world.engine.start(install_id, "trigger", asked), first);
    const again = await side.world.engine.start(install_id, "manual");
    assert.ok(isRejection(again) && again.code === "already_running");
    assert.equal(listLicences(side.sql, 10)[0]?.runs_used, 1);
  });
  it("of somebody else, of another release, or after its grace does not count", async (context) => {
    const side = open(context);
    const install_id = side.world.install(PER_RUN);
    licenceFor(side, install_id, { buyer: "9".repeat(64) });
    assert.equal(await side.run(install_id), "licence_missing");
    licenceFor(side, install_id, { manifest_sha256: "9".repeat(64) });
    assert.equal(await side.run(install_id), "licence_missing");
    licenceFor(side, install_id, { added_ms: side.clock.now_ms() - LIMITS.licence_grace_ms });
    assert.equal(await side.run(install_id), "licence_unproven");
    licenceFor(side, install_id, { expires_at: START / 1_000 });
    assert.equal(await side.run(install_id), "licence_expired");
  });
  it("is not asked for by the trial's runs, counted with the run over every install and release of the listing", async (context) => {
    const side = open(context);
    const install_id = side.world.install({ ...file, pricing: { model: "per-run", amount_sats: 50, trial_runs: 2 } });
    const traceOf = () => side.world.engine.gates(install_id).licence;
    const first = traceOf();
    assert.ok(first !== "not_applicable" && first.verdict === "trial" && first.runs_left === 2);
    assert.deepEqual([await side.run(install_id), await side.run(install_id)], ["ran", "ran"]);
    const listing = getInstall(side.sql, install_id)?.active?.upgrade_address ?? "";
    assert.equal(trialRunsOf(side.sql, listing), 2);
    const over = await side.world.engine.start(install_id, "manual");
    assert.ok(isRejection(over) && over.code === "licence_missing", "and a refused start uses nothing up");
    assert.match(over.message, /costs 50 sats a run, its 2 trial runs are used/);
    assert.equal(trialRunsOf(side.sql, listing), 2);
    licenceFor(side, install_id);
    assert.equal(await side.run(install_id), "ran");
  });
  it("is waited for by the schedule, told by why and simulate, counted by the metrics, and starts the run", async (context) => {
    const side = open(context);
    const { clock, port, schedule, sql, world } = side;
    const render = openMetrics({ store: world.store, sql });
    const install_id = world.install(PER_RUN);
    const cron = { expression: "0 * * * *", timezone: "UTC", jitter_ms: 0, on_missed: "catch_up" } as const;
    const set = { type: "set", now_ms: START, install_id, worker_id: KEY, schedule: cron } as const;
    assert.ok(!isRejection(world.store.handle(contextOf(START, install_id), [scheduleTask(install_id, set)])));
    await clock.pass(HOUR_MS);
    await schedule.tick();
    const waits = await port.why(install_id, null, new AbortController().signal);
    assert.ok(!isRejection(waits) && waits.answer === "waits");
    assert.match(
      waits.sentences.join(" "),
      /Licence: .* costs 50 sats a run .* \(licence_missing\)\. It waits for a licence/,
    );
    assert.match(await render(), /openagents_waits_total\{reason="licence"\} 1/);
    await clock.pass(60_000);
    licenceFor(side, install_id);
    await schedule.tick();
    await settled();
    const ran = await port.why(install_id, null, new AbortController().signal);
    assert.ok(!isRejection(ran) && ran.answer === "ran");
    assert.match(
      ran.sentences.join(" "),
      /Licence: it is paid for by the receipt e{12}….* It started at .*, when its licence was there/,
    );
    await clock.pass(60_000);
    const [from, to] = [START + 1, clock.now_ms()].map((at_ms) => new Date(at_ms).toISOString());
    const told = port.simulate(install_id, {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    });
    assert.ok(!isRejection(told));
    const { decisions } = told as { decisions: readonly { trace: { outcome: string } }[] };
    assert.deepEqual(
      decisions.map(({ trace }) => trace.outcome),
      ["waits_for_licence"],
    );
  });
});

describe("the quotas of an install", () => {
  it("hold a start back when they are used up, with the numbers and when there is room again", async (context) => {
    const side = open(context, { quotas: { egress_bytes_per_day: 100 } });
    const install_id = side.world.install(posting);
    const { budget: before } = side.world.engine.gates(install_id);
    assert.ok(before !== "not_applicable" && before.allowed);
    const metered = (egress_bytes: number): void =>
      side.record(conductSubject(install_id), "policy.metered", {
        ...{ run_id: "run_1", step_id: "s", usage: { egress_bytes }, at_ms: side.clock.now_ms() },
      });
    metered(60);
    await side.clock.pass(2 * HOUR_MS);
    metered(40);
    const { budget } = side.world.engine.gates(install_id);
    assert.ok(budget !== "not_applicable" && !budget.allowed);
    // The hour of the first 60 counts for as long as any of it is within a day.
    const free_at_ms = START + 25 * HOUR_MS;
    assert.deepEqual(
      budget.quotas.find(({ name }) => name === "egress_bytes_per_day"),
      {
        ...{ name: "egress_bytes_per_day", used: 100, limit: 100, free_at_ms },
      },
    );
    assert.match(budget.message, /100 of 100 are used, and there is room again at /);
    assert.equal(await side.run(install_id), "quota_exceeded");
    const then = side.world.engine.gates(install_id, free_at_ms).budget;
    assert.ok(then !== "not_applicable" && then.allowed, "what it says is when there is room");
    const just = side.world.engine.gates(install_id, free_at_ms - 1).budget;
    assert.ok(just !== "not_applicable" && !just.allowed, "and not before");
  });
  it("count external writes by the hour and the day; a limit of nothing never has room", async (context) => {
    const side = open(context, { quotas: { external_writes_per_hour: 2 } });
    const install_id = side.world.install(posting);
    for (const use of ["a", "b"]) {
      side.record("appr_1", "approval.consumed", {
        ...{ install_id, use, action_sha256: "1".repeat(64), at_ms: side.clock.now_ms() },
      });
      await side.clock.pass(60_000);
    }
    const { budget } = side.world.engine.gates(install_id);
    assert.ok(budget !== "not_applicable" && !budget.allowed);
    const [hour, day] = budget.quotas;
    assert.deepEqual([hour?.used, hour?.free_at_ms, day?.used], [2, START + HOUR_MS, 2]);
    assert.ok(day !== undefined && !("free_at_ms" in day));
    const never = open(context, { quotas: { external_writes_per_day: 0 } });
    const forbidden = never.world.install(posting);
    const nothing = never.world.engine.gates(forbidden).budget;
    assert.ok(nothing !== "not_applicable" && nothing.quotas[1]?.free_at_ms === null);
    assert.match(nothing.message, /0 of 0 are used, and none is ever free/);
  });
  it("of others and of what the steps do not use are not asked about", async (context) => {
    const side = open(context, { quotas: { model_tokens_per_day: 0, egress_bytes_per_day: 0 } });
    const install_id = side.world.install(file);
    assert.equal(side.world.engine.gates(install_id).budget, "not_applicable");
    assert.equal(await side.run(install_id), "ran");
  });
});
