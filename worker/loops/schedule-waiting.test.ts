import assert from "node:assert/strict";
import { test } from "node:test";
import { HOUR_MS } from "@oa/shared/core/durations.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { reject } from "@oa/shared/core/refusal.ts";
import { machineAbsences, machineRecords } from "@oa/shared/machine/views.ts";
import { getSchedule, unstartedFires } from "@oa/shared/schedule/views.ts";
import { at, openScheduleWorld, runs } from "../../test/fakes/schedule-loop.ts";

const PLUGGED = { constraints: { plugged_in: true } };
const BUSY = reject("busy", "1000 runs are waiting already");
const NIGHTLY = { expression: "0 1 1 * *", window: { start: "01:00", end: "03:00" } };
const outcomeOf = (worker: ReturnType<typeof openScheduleWorld>, install_id: string) =>
  getSchedule(worker.side().database, install_id)?.last_outcome;

test("what waits for the machine is measured again every 30 s at most, only what it asks for, and starts when it may", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", PLUGGED);
  worker.set("install_b", { ...PLUGGED, expression: "30 1 * * *" });
  worker.machine.plugged_in = { value: false };
  worker.machine.dnd = { value: true };
  worker.pass(at("01:00"));
  await worker.tick();
  await worker.tick();
  assert.deepEqual(worker.measured, [["plugged_in"]]);
  for (let second = 1; second <= 60; second += 1) {
    worker.pass(at("01:00") + second * 1_000);
    await worker.tick();
  }
  assert.equal(worker.measured.length, 3);
  assert.deepEqual(worker.started, []);
  worker.machine.plugged_in = { value: true };
  worker.pass(at("01:02"));
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 01:00"]);
  assert.equal(outcomeOf(worker, "install_a"), "constraints_met");
  worker.pass(at("01:29:59"));
  await worker.tick();
  assert.equal(worker.measured.length, 4, "nothing is measured while nothing depends on it");
});

test("what waits survives a restart, and is measured at once after it", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", { ...PLUGGED, window: { start: "01:00", end: "03:00" } });
  worker.pass(at("01:00"));
  await worker.tick();
  assert.equal(outcomeOf(worker, "install_a"), "waits_for_constraints");
  worker.machine.plugged_in = { value: true };
  worker.reopen();
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 01:00"]);
});

test("a wait that nothing ends is given up with the window, and the schedule goes on", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", { ...PLUGGED, window: { start: "01:00", end: "01:30" } });
  worker.machine.plugged_in = { unknown: "the sensor failed" };
  worker.pass(at("01:00"));
  await worker.tick();
  worker.pass(at("01:30"));
  await worker.tick();
  assert.equal(outcomeOf(worker, "install_a"), "constraints_unmet");
  assert.deepEqual(worker.started, []);
  assert.equal(getSchedule(worker.side().database, "install_a")?.waiting_for, null);
});

test("measurements are recorded when they decide or change, and now and then while something waits", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", PLUGGED);
  worker.machine.plugged_in = { value: false };
  for (let minute = 0; minute <= 25; minute += 1) {
    worker.pass(at("01:00") + minute * 60_000);
    await worker.tick();
  }
  const { database } = worker.side();
  const records = machineRecords(database, 0, Number.MAX_SAFE_INTEGER, 100);
  assert.deepEqual(
    records.map(({ at_ms }) => new Date(at_ms).toISOString().slice(11, 16)),
    ["01:00", "01:10", "01:20"],
  );
});

test("the measurement that ends a wait is recorded, however young the last record is", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", PLUGGED);
  worker.machine.plugged_in = { value: false };
  worker.pass(at("01:00"));
  await worker.tick();
  worker.pass(at("01:01"));
  worker.machine.plugged_in = { value: true };
  await worker.tick();
  assert.equal(outcomeOf(worker, "install_a"), "constraints_met");
  const records = machineRecords(worker.side().database, 0, Number.MAX_SAFE_INTEGER, 100);
  assert.deepEqual(
    records.map(({ at_ms, readings }) => [at_ms, readings.plugged_in]),
    [
      [at("01:00"), { value: false }],
      [at("01:01"), { value: true }],
    ],
  );
});

test("with queue_one one run follows the running one, through a restart", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", { overlap: "queue_one" });
  worker.active.set("install_a", 1);
  for (const time of ["01:00", "02:00", "03:00"]) {
    worker.pass(at(time));
    await worker.tick();
  }
  assert.deepEqual(worker.started, []);
  worker.reopen();
  worker.active.delete("install_a");
  worker.pass(at("03:10"));
  await worker.tick();
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 03:00"]);
  assert.deepEqual(worker.canceled, []);
});

test("with cancel_running the running one is asked to stop, and the next starts once it has", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", { overlap: "cancel_running" });
  worker.active.set("install_a", 1);
  worker.pass(at("01:00"));
  await worker.tick();
  assert.deepEqual([worker.canceled, worker.started], [["install_a"], []]);
  worker.active.delete("install_a");
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 01:00"]);
  assert.equal(outcomeOf(worker, "install_a"), "run_ended");
});

test("a run that another one forestalled is started after it where the schedule queues, and refused where it skips", async (context) => {
  let taken = true;
  const worker = openScheduleWorld(context, (install_id, due_ms) =>
    taken ? reject("already_running", "a run was started by hand") : runs(install_id, due_ms),
  );
  worker.set("install_a", { overlap: "queue_one" });
  worker.set("install_b");
  worker.pass(at("01:00"));
  await worker.tick();
  assert.equal(unstartedFires(worker.side().database, 10).length, 1);
  taken = false;
  await worker.tick();
  assert.equal(unstartedFires(worker.side().database, 10).length, 0);
  const types = worker.types().filter((type) => type.startsWith("schedule.run_"));
  assert.deepEqual(types.sort(), ["schedule.run_refused", "schedule.run_started"]);
});

test("when no more runs can be queued the fires are kept, and started later, but not after a day", async (context) => {
  let full = true;
  const worker = openScheduleWorld(context, (install_id, due_ms) => (full ? BUSY : runs(install_id, due_ms)));
  worker.set("install_a");
  worker.set("install_b");
  worker.pass(at("01:00"));
  await worker.tick();
  assert.equal(worker.started.length, 1, "after the first that does not fit no other is tried");
  assert.equal(unstartedFires(worker.side().database, 10).length, 2);
  full = false;
  await worker.tick();
  assert.deepEqual(unstartedFires(worker.side().database, 10), []);
  full = true;
  worker.pass(at("02:00"));
  await worker.tick();
  worker.jump(at("02:00") + LIMITS.schedule_wait_ms + 1);
  await worker.tick();
  assert.ok(worker.types().includes("schedule.run_refused"));
});

test("what a model that gives no answer holds back is tried again, and keeps no other from starting", async (context) => {
  let silent = true;
  const worker = openScheduleWorld(context, (install_id, due_ms) =>
    silent && install_id === "install_a"
      ? reject("classifier_unavailable", "the model gave no answer")
      : runs(install_id, due_ms),
  );
  worker.set("install_a");
  worker.set("install_b");
  worker.pass(at("01:00"));
  await worker.tick();
  assert.equal(unstartedFires(worker.side().database, 10).length, 1);
  silent = false;
  await worker.tick();
  assert.deepEqual(
    worker.types().filter((type) => type.startsWith("schedule.run_")),
    ["schedule.run_started", "schedule.run_started"],
  );
});

test("a start that is held back is not made outside its window, and made when it opens again", async (context) => {
  let silent = true;
  const worker = openScheduleWorld(context, (install_id, due_ms) =>
    silent ? reject("classifier_unavailable", "the model gave no answer") : runs(install_id, due_ms),
  );
  worker.set("install_a", NIGHTLY);
  worker.pass(at("02:59"));
  await worker.tick();
  worker.pass(at("02:59:30"));
  await worker.tick();
  assert.equal(worker.started.length, 2);
  silent = false;
  worker.pass(at("09:00"));
  await worker.tick();
  assert.equal(worker.started.length, 2, "the window is closed");
  worker.pass(at("01:00") + 24 * HOUR_MS);
  await worker.tick();
  assert.equal(worker.started.length, 3);
  assert.equal(worker.types().at(-1), "schedule.run_started");
});

test("one that others held up until its window had closed waits for the opening too", async (context) => {
  let full = true;
  const worker = openScheduleWorld(context, (install_id, due_ms) => (full ? BUSY : runs(install_id, due_ms)));
  for (const install_id of ["install_a", "install_b"]) worker.set(install_id, NIGHTLY);
  worker.pass(at("01:00"));
  await worker.tick();
  assert.equal(worker.started.length, 1, "after the first no other is asked for");
  full = false;
  worker.pass(at("09:00"));
  await worker.tick();
  assert.deepEqual(
    worker.types().filter((type) => type.startsWith("schedule.run_")),
    [],
  );
  worker.pass(at("01:00") + 24 * HOUR_MS);
  await worker.tick();
  assert.equal(worker.types().filter((type) => type === "schedule.run_started").length, 2);
});

test("after a restart outside the window a run that had been made is found, and none is made", async (context) => {
  let full = true;
  const worker = openScheduleWorld(context, (install_id, due_ms) => {
    worker.disk.full = full; // what comes of it is not recorded any more
    return install_id === "install_b" && full ? BUSY : runs(install_id, due_ms);
  });
  for (const install_id of ["install_a", "install_b"]) worker.set(install_id, NIGHTLY);
  worker.pass(at("01:00"));
  await worker.tick();
  worker.pass(at("09:00"));
  worker.reopen();
  worker.disk.full = full = false;
  await worker.tick();
  const started = () => worker.types().filter((type) => type === "schedule.run_started").length;
  assert.equal(started(), 1, "install_b has none, and its window is closed");
  worker.pass(at("01:00") + 24 * HOUR_MS);
  await worker.tick();
  assert.equal(started(), 2);
});

test("a start that no open window comes for within a day is refused with what held it back", async (context) => {
  const worker = openScheduleWorld(context, () => BUSY);
  worker.set("install_a", { window: { start: "01:00", end: "01:30" }, expression: "0 1 1 * *" });
  worker.pass(at("01:00"));
  await worker.tick();
  worker.jump(at("01:45") + LIMITS.schedule_wait_ms);
  await worker.tick();
  assert.equal(worker.started.length, 1);
  assert.equal(worker.types().at(-1), "schedule.run_refused");
});

test("sleep is noticed also where the monotonic clock goes on in it", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", { expression: "0 23 * * *" });
  await worker.tick();
  worker.pass(at("09:00"));
  await worker.tick();
  worker.jump(at("03:00"));
  await worker.tick();
  const jumps = [...worker.side().store.after(0)].filter(({ event }) => event.event_type === "machine.clock_jumped");
  const [asleep, back] = jumps.map(({ event }) => event.data as { jump_ms: number; away_ms: number });
  assert.equal(asleep?.jump_ms, 0);
  assert.ok((asleep?.away_ms ?? 0) > 8 * HOUR_MS);
  assert.deepEqual(back, { at_ms: at("03:00"), jump_ms: -6 * HOUR_MS, away_ms: 0 });
  assert.equal(machineAbsences(worker.side().database, 0, at("23:00"), 10).length, 1);
});

test("a worker that was stopped, or lost its power, was away from when it last looked, and says so of what it missed", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a");
  await worker.tick();
  worker.pass(at("00:45"));
  await worker.tick();
  worker.pass(at("05:10"));
  worker.reopen();
  await worker.tick();
  const [fired] = [...worker.side().store.after(0)].flatMap(({ event }) =>
    event.event_type === "schedule.fired" ? [event.data as { trace: { away_ms?: number; outcome: string } }] : [],
  );
  assert.equal(fired?.trace.outcome, "caught_up");
  const absences = () =>
    machineAbsences(worker.side().database, at("01:00"), at("23:00"), 10).map((one) => ({ ...one }));
  assert.deepEqual(absences(), [{ from_ms: at("00:45") + 1, until_ms: at("05:10") }]);
  assert.equal(fired.trace.away_ms, at("05:10") - at("00:45") - 1);
  worker.pass(at("05:10:40"));
  worker.reopen();
  await worker.tick();
  assert.equal(absences().length, 1, "a start right after the end was no absence");
});

test("all that was due while the machine was away is explained by it, also what is decided a tick later", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", PLUGGED);
  worker.machine.plugged_in = { value: false };
  worker.pass(at("01:00"));
  await worker.tick();
  worker.machine.plugged_in = { value: true };
  worker.jump(at("01:00") + 26.5 * HOUR_MS);
  await worker.tick();
  await worker.tick();
  worker.pass(at("01:00") + 27 * HOUR_MS);
  await worker.tick();
  const traces = [...worker.side().store.after(0)].flatMap(({ event }) =>
    event.event_type === "schedule.fired" || event.event_type === "schedule.skipped"
      ? [(event.data as { trace: { outcome: string; away_ms?: number } }).trace]
      : [],
  );
  assert.deepEqual(
    traces.map(({ outcome, away_ms = 0 }) => [outcome, away_ms > 26 * HOUR_MS]),
    [
      ["constraints_unmet", true],
      ["caught_up", true],
      ["on_time", false],
    ],
  );
});

test("that it cannot note that it is awake keeps nothing from starting", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.awake.touch = () => {
    throw new Error("the disk is gone");
  };
  worker.set("install_a");
  worker.pass(at("01:00"));
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 01:00"]);
  assert.equal(worker.reported.length, 1);
});

test("projections of what waits and was measured are rebuilt from the log as they were kept", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a", { ...PLUGGED, expression: "*/10 * * * *" });
  worker.set("install_b", { overlap: "queue_one", expression: "*/20 * * * *" });
  worker.active.set("install_b", 1);
  for (const time of ["01:00", "01:07", "00:40", "02:00", "09:00"]) {
    worker.machine.plugged_in = { value: time.endsWith("7") };
    worker.jump(at(time));
    await worker.tick();
  }
  const { database, store } = worker.side();
  const tables = ["proj_schedules", "proj_schedule_log", "proj_machine_readings", "proj_machine_absences"];
  const dump = () => tables.map((table) => database.all(`SELECT * FROM ${table} ORDER BY 1, 2`));
  const before = dump();
  assert.ok(before.every((rows) => rows.length > 0));
  store.rebuild();
  assert.deepEqual(dump(), before);
});

test("more than a batch that waits alike starts batch after batch, at once", async (context) => {
  const worker = openScheduleWorld(context, runs);
  const count = LIMITS.schedule_batch + 20;
  for (let index = 0; index < count; index += 1) worker.set(`install_${index}`, PLUGGED);
  worker.machine.plugged_in = { value: false };
  worker.pass(at("01:00"));
  assert.equal(await worker.tick(), 0);
  await worker.tick();
  worker.machine.plugged_in = { value: true };
  worker.pass(at("01:01"));
  assert.equal(await worker.tick(), 0);
  await worker.tick();
  await worker.tick();
  assert.equal(new Set(worker.started).size, count);
});

test("what waits for a licence or a quota is asked about at each tick, survives a restart, and starts when it may", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a");
  worker.set("install_b");
  worker.gates.set("install_a", { licence: { allowed: false, code: "licence_missing", message: "not paid for" } });
  worker.gates.set("install_b", { budget: { allowed: false, message: "used up", quotas: [] } });
  worker.pass(at("01:00"));
  await worker.tick();
  assert.deepEqual(
    [outcomeOf(worker, "install_a"), outcomeOf(worker, "install_b")],
    ["waits_for_licence", "waits_for_budget"],
  );
  worker.reopen();
  worker.pass(at("01:10"));
  await worker.tick();
  assert.deepEqual(worker.started, []);
  worker.gates.clear();
  worker.pass(at("01:10:30"));
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 01:00", "install_b schedule 01:00"]);
  assert.deepEqual([outcomeOf(worker, "install_a"), outcomeOf(worker, "install_b")], ["licence_given", "budget_freed"]);
});
