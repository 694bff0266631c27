/** Why an install did or did not run, and what it would have done, read from a worker's own database. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { controlApp } from "@oa/shared/api/app.ts";
import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { HOUR_MS } from "@oa/shared/core/durations.ts";
import { task } from "@oa/shared/core/event-store.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CronSchedule, MachineReadings } from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { type ConductCommand, conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { toCronSchedule } from "@oa/shared/schedule/timing.ts";
import { contextOf } from "../fakes/runs.ts";
import { at } from "../fakes/schedule.ts";
import { NIGHTLY, openWhyWorld as open } from "../fakes/why-world.ts";

test("a run that started on time is explained by its due time and its run", async (context) => {
  const worker = open(context, { jitter_ms: 0 });
  worker.check("2026-01-02T02:00:03");
  assert.equal((await worker.why()).answer, "starting");
  const started = await worker.world.engine.start(worker.install_id, "schedule", { due_ms: at("2026-01-02T02:00") });
  assert.ok(!isRejection(started), isRejection(started) ? started.message : "");
  worker.send({ type: "record_start", due_ms: at("2026-01-02T02:00"), run_id: started.run_id });
  const why = await worker.why();
  assert.deepEqual([why.answer, why.run_id, why.next_due_at], ["ran", started.run_id, "2026-01-03T02:00:00.000Z"]);
  assert.deepEqual(why.sentences, [
    "It was due at 2026-01-02 02:00+00:00 (UTC).",
    "It started at 2026-01-02 02:00+00:00 (UTC), on time.",
    `Run ${started.run_id} waits for its turn.`,
    "It is due next at 2026-01-03 02:00+00:00 (UTC).",
  ]);
  assert.deepEqual([why.trace?.licence, why.trace?.budget], ["not_applicable", "not_applicable"]);
});

test("a wait is explained by what was measured then, and by what is measured now", async (context) => {
  const constraints = { plugged_in: true, cpu_max_percentage: 60 };
  const worker = open(context, { constraints, window: { start: "01:00", end: "05:00" } });
  const machine: MachineReadings = { plugged_in: { value: false }, cpu_percentage: { unknown: "no times" } };
  worker.check("2026-01-02T02:00", { machine });
  worker.machine.readings = { plugged_in: { value: true }, cpu_percentage: { value: 88.5 } };
  const why = await worker.why();
  assert.equal(why.answer, "waits");
  assert.deepEqual(why.sentences, [
    "It was due at 2026-01-02 02:00+00:00 (UTC).",
    "The window 01:00 to 05:00 (UTC) was open.",
    "plugged_in: on battery: not met.",
    "cpu_max_percentage: unknown (no times): not known, so it waits.",
    "It waits until everything it asks for is met, until 2026-01-02 05:00+00:00 (UTC) at the latest.",
    "Now: cpu_max_percentage: 88.5 % of at most 60 %.",
  ]);
  worker.check("2026-01-02T05:00", { machine });
  const skipped = await worker.why("2026-01-02T02:30");
  assert.equal(skipped.answer, "skipped");
  assert.match(skipped.sentences[0] ?? "", /^Before that time it was last due at 2026-01-02 02:00/);
  assert.ok(
    skipped.sentences.some((text) => /skipped: what it asks for was not met in time \(it waited 3 h\)/.test(text)),
  );
});

test("what was missed says how late it was noticed, and for how many due times it stands", async (context) => {
  const worker = open(context, { on_missed: "skip" });
  worker.check("2026-01-05T09:00", { clock_jump_ms: 86_400_000, away_ms: 86_400_000 });
  for (const time of [null, "2026-01-03T10:00"]) {
    const { answer, sentences } = await worker.why(time);
    assert.equal(answer, "skipped");
    assert.deepEqual(sentences.slice(1, 4), [
      "That stands for 4 due times since 2026-01-02 02:00+00:00 (UTC): they make one run.",
      "It was decided 7 h late: the machine slept for 24 h, or its clock was set forward by that.",
      "It was skipped: it was missed (on_missed: skip).",
    ]);
  }
});

test("what was missed too long ago to be caught up names the age that its schedule declares", async (context) => {
  const worker = open(context, { catch_up_max_age_h: 6 });
  worker.check("2026-01-02T09:00", { away_ms: 7 * HOUR_MS });
  const { answer, sentences, trace } = await worker.why();
  assert.deepEqual([answer, trace?.catch_up_max_age_h], ["skipped", 6]);
  assert.ok(
    sentences.includes("It was skipped: it was missed more than 6 h ago (catch_up_max_age_h: 6)."),
    sentences.join(" "),
  );
  const simulation = worker.port.simulate(worker.install_id, {
    from: "2026-01-01T00:00:00Z",
    changes: { catch_up_max_age_h: 12 },
  });
  assert.ok(!isRejection(simulation) && "schedule" in simulation);
  assert.deepEqual((simulation.schedule as CronSchedule).catch_up_max_age_h, 12);
});

test("what nobody was there to decide is said to be so", async (context) => {
  const worker = open(context);
  worker.check("2026-01-02T02:00");
  worker.pass("2026-01-03T10:00");
  const { answer, sentences } = await worker.why();
  assert.equal(answer, "not_decided");
  assert.match(
    sentences.join(" "),
    /due at 2026-01-03 02:00.* has not been decided about since: the worker is not running/,
  );
  assert.equal((await worker.why("2026-01-02T03:00")).answer, "starting", "what was decided is still told");
});

test("an install without a schedule, before one, after one, and in the future have their own answers", async (context) => {
  const manual = open(context, { type: "manual" });
  assert.match((await manual.why()).sentences.join(), /is on no schedule: it runs when it is asked to/);
  const worker = open(context);
  const said = async (time: string | null): Promise<string> => {
    const { answer, sentences } = await worker.why(time);
    return `${answer}: ${sentences[0]}`;
  };
  assert.match(
    await said(null),
    /not_decided: Example has not been due since it was scheduled \(0 2 \* \* \* in UTC\)/,
  );
  assert.match(
    await said("2025-12-01T00:00"),
    /not_scheduled: Example was not installed with a schedule yet at 2025-12-01/,
  );
  assert.match(await said("2027-01-01T00:00"), /not_decided: 2027-01-01 00:00\+00:00 \(UTC\) has not come yet/);
  worker.check("2026-01-02T02:00");
  worker.pass("2026-01-02T12:00");
  worker.world.store.handle(contextOf(at("2026-01-02T12:00"), worker.install_id), [
    task(installDecider, worker.install_id, { type: "disable", reason: "for now" }),
  ]);
  worker.send({ type: "clear", reason: "the install is disabled" });
  worker.pass("2026-01-04T00:00");
  assert.match(
    await said("2026-01-03T02:30"),
    /not_scheduled: Example was on no schedule at .*: the install is disabled/,
  );
  assert.match(await said("2026-01-02T02:30"), /Before that time it was last due at 2026-01-02 02:00/);
  assert.match((await worker.why()).sentences.at(-1) ?? "", /on no schedule now: it is disabled/);
});

test("a schedule that was changed while one waited says what ended the wait; a refused start says why", async (context) => {
  const worker = open(context, { constraints: { plugged_in: true } });
  worker.check("2026-01-02T02:00");
  const cron = toCronSchedule({ ...NIGHTLY, expression: "0 3 * * *" }, "UTC");
  assert.ok(cron !== null);
  worker.pass("2026-01-02T02:30");
  worker.send({
    type: "set",
    now_ms: at("2026-01-02T02:30"),
    install_id: worker.install_id,
    worker_id: "w",
    schedule: cron,
  });
  worker.pass("2026-01-02T02:40");
  assert.match(
    (await worker.why()).sentences.join(" "),
    /It waited until .* Then its schedule was changed, which ended the wait/,
  );
  worker.check("2026-01-02T03:00");
  worker.send({
    type: "record_refusal",
    due_ms: at("2026-01-02T03:00"),
    code: "disk_full",
    message: "the disk is full",
  });
  const { answer, sentences } = await worker.why();
  assert.equal(answer, "refused");
  assert.ok(sentences.includes("It was to start at 2026-01-02 03:00+00:00 (UTC), on time."), sentences.join(" "));
  assert.ok(sentences.includes("No run was started: the disk is full (disk_full)."));
});

test("a simulation of an install goes over the last week, and says what really happened beside it", async (context) => {
  const worker = open(context);
  worker.check("2026-01-02T02:00");
  worker.pass("2026-01-04T12:00");
  const simulation = worker.port.simulate(worker.install_id, {
    from: "2026-01-02T00:00:00Z",
    changes: { expression: "0 */12 * * *", window: { start: "11:00", end: "13:00" }, on_missed: "skip" },
  }) as { decisions: { trace: { outcome: string } }[]; recorded: { kind: string }[]; schedule: object };
  assert.deepEqual(
    simulation.decisions.map(({ trace }) => trace.outcome),
    ["outside_window", "on_time", "outside_window", "on_time", "outside_window"],
  );
  assert.deepEqual(
    simulation.recorded.map(({ kind }) => kind),
    ["fired"],
  );
});

test("simulations that make no sense are refused", (context) => {
  const worker = open(context);
  const manual = open(context, { type: "manual" });
  const code = (answer: object): string => (isRejection(answer) ? answer.code : "accepted");
  const { port, install_id } = worker;
  assert.equal(code(port.simulate("install_none", {})), "not_found");
  assert.equal(code(port.simulate(install_id, { from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z" })), "usage");
  assert.equal(code(port.simulate(install_id, { from: "2020-01-02T00:00:00Z" })), "usage");
  assert.equal(code(port.simulate(install_id, { changes: { expression: "61 * * * *" } })), "cron_invalid");
  assert.equal(code(port.simulate(install_id, { changes: { timezone: "Mars/Olympus" } })), "time_zone_unknown");
  assert.equal(code(port.simulate(install_id, { changes: { window: { start: "1", end: "2" } } })), "window_invalid");
  assert.equal(code(manual.port.simulate(manual.install_id, {})), "usage");
  assert.equal(code(manual.port.simulate(manual.install_id, { changes: { expression: "0 3 * * *" } })), "accepted");
});

test("the API answers a time that is none, an install that is none and a body that is none with their codes", async (context) => {
  const worker = open(context);
  const app = controlApp({ schedule: worker.port, report: () => {} } as unknown as ControlPorts);
  const ask = async (path: string, init?: RequestInit): Promise<string> => {
    const response = await app.request(`/v1/schedule/${path}`, init);
    const body = (await response.json()) as { error?: { code: string }; answer?: string };
    return `${response.status} ${body.error?.code ?? body.answer}`;
  };
  const { install_id } = worker;
  assert.equal(await ask(`${install_id}/why`), "200 not_decided");
  assert.equal(await ask(`${install_id}/why?at=2026-01-01T00:00:00Z`), "200 not_scheduled");
  for (const at of ["yesterday", "2026-01-01", "2026-01-01T00:00", "2026-01-01T99:00:00Z", ""]) {
    assert.equal(await ask(`${install_id}/why?at=${at}`), "400 usage", at);
  }
  assert.equal(await ask("install_none/why"), "404 not_found");
  const post = { method: "POST", headers: { "content-type": "application/json" } };
  assert.equal(await ask(`${install_id}/simulate`, { ...post, body: '{"changes":{"crn":1}}' }), "422 schema_invalid");
  assert.equal(await ask("install_none/simulate", { ...post, body: "{}" }), "404 not_found");
});

test("a start by hand is told, and is the answer where nothing came after it", async (context) => {
  const worker = open(context);
  const started = await worker.world.engine.start(worker.install_id, "manual");
  assert.ok(!isRejection(started));
  const why = await worker.why();
  assert.deepEqual([why.answer, why.run_id], ["ran", started.run_id]);
  assert.match(
    why.sentences.join(" "),
    new RegExp(`You last started it yourself at .*: run ${started.run_id} waits for its turn`),
  );
  worker.check("2026-01-02T02:00", { active_runs: 1 });
  const later = await worker.why();
  assert.equal(later.answer, "skipped");
  assert.doesNotMatch(later.sentences.join(" "), /yourself/);
});

test("a quarantine is said of a started and of a scheduled upgrade, from when it began until it is lifted", async (context) => {
  const worker = open(context);
  const { store } = worker.world;
  const before_ms = at("2026-01-01T12:00");
  const conduct = (command: ConductCommand): void => {
    const done = store.handle(contextOf(before_ms), [task(conductDecider, conductSubject(worker.install_id), command)]);
    assert.ok(!isRejection(done), isRejection(done) ? done.message : "");
  };
  const listed = () => (worker.port.list()[0] as { quarantine?: unknown }).quarantine;
  assert.ok(!isRejection(await worker.world.engine.start(worker.install_id, "manual")));
  assert.deepEqual([(await worker.why()).quarantine, listed()], [null, null]);
  conduct({ type: "quarantine", reason: "odd requests", now_ms: before_ms });
  const quarantine = { by: "owner", reason: "odd requests", at_ms: before_ms };
  const why = await worker.why();
  assert.deepEqual([why.quarantine, listed()], [quarantine, quarantine]);
  assert.match(why.sentences[0] ?? "", /^Nothing of it starts: you quarantined it at .* \(odd requests\)\.$/);
  assert.equal(why.sentences[1], `To let it run again: oa policy lift ${worker.install_id}.`);
  assert.match(why.sentences.join(" "), /You last started it yourself/);
  const earlier = await worker.port.why(worker.install_id, before_ms - 1, new AbortController().signal);
  assert.ok(!isRejection(earlier));
  assert.equal(earlier.quarantine, null, "it had not begun then");
  conduct({ type: "lift", reason: "looked at" });
  assert.deepEqual([(await worker.why()).quarantine, listed()], [null, null]);
});

test("what a moderator took down is told as that, with the way to run it all the same, until it is overridden", async (context) => {
  const worker = open(context);
  const decided = (command: InstallCommand): void => {
    const { store } = worker.world;
    const done = store.handle(contextOf(at("2026-01-01T12:00")), [task(installDecider, worker.install_id, command)]);
    assert.ok(!isRejection(done), isRejection(done) ? done.message : "");
  };
  const why = "was taken down: it harms the machine it runs on (malware)";
  const by = { decision_event_id: "d".repeat(64), moderator: "4".repeat(64), expires_at: null } as const;
  decided({ type: "take_down", action: "take_down", stops: true, why, ...by });
  const told = await worker.why();
  assert.equal(
    told.sentences[0],
    `Nothing of it starts: a moderator you trust decided that it ${why}; to run it all the same: oa installs override.`,
  );
  const earlier = await worker.port.why(worker.install_id, at("2026-01-01T11:00"), new AbortController().signal);
  assert.ok(!isRejection(earlier));
  assert.doesNotMatch(earlier.sentences.join(" "), /moderator/);
  decided({ type: "override_takedown", reason: "I read it." });
  assert.doesNotMatch((await worker.why()).sentences.join(" "), /moderator/);
});

test("what the owner chose is said beside what the upgrade declares", async (context) => {
  const worker = open(context);
  const set = await worker.port.set(worker.install_id, { expression: "0 3 * * *", overlap: "queue_one" });
  assert.ok(!isRejection(set), isRejection(set) ? set.message : "");
  assert.deepEqual(
    [set.schedule?.expression, set.schedule?.overlap, set.fires[0]],
    ["0 3 * * *", "queue_one", "2026-01-02T03:00:00.000Z"],
  );
  assert.equal(set.declared.expression, "0 2 * * *");
  assert.match(
    (await worker.why()).sentences.at(-1) ?? "",
    /schedule is the one you set \(expression, overlap\); the upgrade itself would run on the schedule 0 2 \* \* \* \(UTC\)/,
  );
  const back = await worker.port.set(worker.install_id, null);
  assert.ok(!isRejection(back));
  assert.deepEqual([back.schedule?.expression, back.schedule_changes], ["0 2 * * *", null]);
});

test("what names no zone is looked ahead in by the zone it was put on, also on a machine that has moved", async (context) => {
  const worker = open(context, {}, { type: "cron", expression: "0 2 * * *" });
  const { install_id } = worker;
  const tokyo = toCronSchedule({ type: "cron", expression: "0 2 * * *" }, "Asia/Tokyo");
  assert.ok(tokyo !== null);
  worker.send({ type: "set", now_ms: at("2026-01-01T12:00"), install_id, worker_id: "w", schedule: tokyo });
  const ahead = worker.port.get(install_id, null, 1);
  assert.ok(!isRejection(ahead));
  assert.deepEqual([ahead.timezone, ahead.fires], ["Asia/Tokyo", ["2026-01-01T17:00:00.000Z"]]);
  assert.equal((await worker.why()).next_due_at, ahead.fires[0]);
});

test("what no schedule can be kept by is refused by its code, and changes nothing", async (context) => {
  const worker = open(context);
  const app = controlApp({ schedule: worker.port, report: () => {} } as unknown as ControlPorts);
  const set = async (changes: unknown, install_id = worker.install_id): Promise<string> => {
    const response = await app.request(`/v1/schedule/${install_id}`, {
      ...{ method: "POST", headers: { "content-type": "application/json" } },
      body: JSON.stringify({ changes }),
    });
    const body = (await response.json()) as { error?: { code: string } };
    return `${response.status} ${body.error?.code ?? "set"}`;
  };
  assert.equal(await set({ expression: "61 * * * *" }), "422 cron_invalid");
  assert.equal(await set({ timezone: "Mars/Olympus" }), "422 time_zone_unknown");
  assert.equal(await set({ window: { start: "02:00", end: "02:00" } }), "422 window_invalid");
  assert.equal(await set({ overlap: "always" }), "422 schema_invalid");
  assert.equal(await set({ expression: "@daily" }, "install_none"), "404 not_found");
  const described = (await (await app.request(`/v1/schedule/${worker.install_id}?count=2`)).json()) as {
    schedule_changes: null;
    fires: string[];
  };
  assert.deepEqual([described.schedule_changes, described.fires.length], [null, 2]);
  assert.equal((await app.request(`/v1/schedule/${worker.install_id}?count=0`)).status, 400);
  assert.equal((await app.request("/v1/schedule/install_none")).status, 404);
});
