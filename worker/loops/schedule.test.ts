import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, reject } from "@oa/shared/core/refusal.ts";
import { getSchedule, listSchedules, nextStart, unstartedFires } from "@oa/shared/schedule/views.ts";
import { at, openScheduleWorld, runs, START } from "../../test/fakes/schedule-loop.ts";

test("the loop starts what is due, once, and sleeps until the next start but never over 30 s", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a");
  worker.set("install_b", { expression: "30 1 * * *" });
  assert.equal(await worker.tick(), LIMITS.schedule_sleep_ms);
  worker.pass(at("00:59:50"));
  assert.equal(await worker.tick(), 10_000);
  worker.pass(at("01:00"));
  await worker.tick();
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 01:00"]);
  worker.pass(at("01:30"));
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 01:00", "install_b schedule 01:30"]);
  assert.deepEqual(
    worker.types().filter((type) => !/set$|^machine/.test(type)),
    ["schedule.fired", "schedule.run_started", "schedule.fired", "schedule.run_started"],
  );
  assert.deepEqual(worker.reported, []);
});

test("an install with a run that goes on is skipped", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a");
  worker.active.set("install_a", 1);
  worker.pass(at("01:00"));
  await worker.tick();
  assert.deepEqual(worker.started, []);
  assert.equal(getSchedule(worker.side().database, "install_a")?.last_outcome, "run_active");
});

test("after a sleep, one run is caught up and the jump of the clock is in its trace", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a");
  await worker.tick();
  worker.jump(at("09:20"));
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a catch_up 09:00"]);
  const [jumped, fired] = [...worker.side().store.after(1)];
  assert.ok(jumped !== undefined && fired !== undefined);
  assert.equal(jumped.event.event_type, "machine.clock_jumped");
  const { trace } = fired.event.data as unknown as { trace: { clock_jump_ms: number; due_times: number } };
  assert.equal(trace.clock_jump_ms, at("09:20") - START);
  assert.equal(trace.due_times, 9);
});

test("a clock that goes back neither runs twice nor stays stuck", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a");
  worker.pass(at("01:00"));
  await worker.tick();
  worker.jump(at("00:10"));
  await worker.tick();
  assert.equal(nextStart(worker.side().database), at("02:00"));
  for (const time of ["01:00", "01:30", "02:00"]) {
    worker.pass(at(time));
    await worker.tick();
  }
  assert.deepEqual(worker.started, ["install_a schedule 01:00", "install_a schedule 02:00"]);
});

test("a start that failed is tried again, one that was refused is recorded", async (context) => {
  let broken = true;
  const worker = openScheduleWorld(context, (install_id, due_ms) => {
    if (broken) throw new Fault("disk_full", "the disk is full", { retryable: true });
    return install_id === "install_b" ? reject("not_found", "there is no such install") : runs(install_id, due_ms);
  });
  worker.set("install_a");
  worker.set("install_b");
  worker.pass(at("01:00"));
  await worker.tick();
  assert.equal(worker.reported.length, 2);
  assert.equal(unstartedFires(worker.side().database, 10).length, 2);
  broken = false;
  await worker.tick();
  assert.deepEqual(unstartedFires(worker.side().database, 10), []);
  assert.deepEqual(worker.types().slice(-2), ["schedule.run_started", "schedule.run_refused"]);
});

test("an install whose state cannot be read keeps no other from starting, whether it is due or waits", async (context) => {
  const worker = openScheduleWorld(context, runs);
  for (const install_id of ["install_a", "install_b", "install_c"]) worker.set(install_id);
  const unreadable = {
    get licence(): never {
      throw new Error("unreadable");
    },
  };
  worker.gates.set("install_a", unreadable);
  worker.gates.set("install_b", { licence: { allowed: false, code: "licence_missing", message: "not paid for" } });
  worker.pass(at("01:00"));
  await worker.tick();
  assert.deepEqual(worker.started, ["install_c schedule 01:00"]);
  worker.gates.set("install_b", unreadable);
  worker.pass(at("02:00"));
  await worker.tick();
  assert.deepEqual(worker.started, ["install_c schedule 01:00", "install_c schedule 02:00"]);
  worker.gates.clear();
  await worker.tick();
  assert.deepEqual(worker.started.slice(2).sort(), ["install_a schedule 02:00", "install_b schedule 02:00"]);
  assert.ok(worker.reported.length > 0);
});

test("starts that are held back keep no other from being made, however many they are", async (context) => {
  const worker = openScheduleWorld(context, (install_id, due_ms) =>
    install_id === "install_z" ? runs(install_id, due_ms) : reject("classifier_unavailable", "no answer"),
  );
  for (let index = 0; index < LIMITS.schedule_batch; index += 1) worker.set(`install_${index}`);
  worker.set("install_z", { expression: "1 * * * *" });
  worker.pass(at("01:00"));
  await worker.tick();
  worker.pass(at("01:01"));
  for (let ticks = 0; ticks < 3; ticks += 1) await worker.tick();
  assert.ok(worker.started.includes("install_z schedule 01:01"));
});

test("on a full disk nothing is decided and nothing lost: once there is space each due time is, and runs once", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a");
  worker.pass(at("01:00"));
  worker.disk.full = true;
  for (let tries = 0; tries < 3; tries += 1) assert.ok((await worker.tick()) > 0, "it waits before it tries again");
  assert.deepEqual([worker.started, worker.types()], [[], ["schedule.set"]]);
  assert.ok(worker.reported.length >= 3);
  worker.disk.full = false;
  await worker.tick();
  worker.pass(at("02:00"));
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 01:00", "install_a schedule 02:00"]);
});

test("a crash between the decision and the start loses nothing and decides nothing twice", async (context) => {
  let crash = true;
  const worker = openScheduleWorld(context, (install_id, due_ms) => {
    if (crash) throw new Error("killed");
    return runs(install_id, due_ms);
  });
  worker.set("install_a");
  worker.pass(at("01:00"));
  await worker.tick();
  crash = false;
  worker.reopen();
  await worker.tick();
  assert.deepEqual(worker.started, ["install_a schedule 01:00", "install_a schedule 01:00"]);
  assert.deepEqual(worker.types(), ["schedule.set", "schedule.fired", "schedule.run_started"]);
});

test("the projection rebuilt from the log is the one that was kept", async (context) => {
  const worker = openScheduleWorld(context, runs);
  for (const [index, expression] of ["0 * * * *", "*/7 * * * *", "0 0 30 2 *"].entries()) {
    worker.set(`install_${index}`, { expression, window: { start: "02:00", end: "01:00" }, on_missed: "skip" });
  }
  for (const time of ["00:42", "01:00", "02:00", "07:30"]) {
    worker.jump(at(time));
    await worker.tick();
  }
  const { database, store } = worker.side();
  const before = database.all("SELECT * FROM proj_schedules ORDER BY install_id");
  store.rebuild();
  assert.deepEqual(database.all("SELECT * FROM proj_schedules ORDER BY install_id"), before);
  assert.deepEqual(
    listSchedules(database, 10).map(({ install_id }) => install_id),
    ["install_1", "install_0", "install_2"],
  );
  assert.ok(store.verify().ok);
});

test("the loop ticks until it is stopped, sleeps no longer than 30 s at a time, and survives a failing tick", async (context) => {
  const worker = openScheduleWorld(context, runs);
  worker.set("install_a");
  const stop = new AbortController();
  const running = worker.side().loop.run(stop.signal);
  while (worker.started.length < 2) await new Promise((resolve) => setImmediate(resolve));
  worker.side().database.run("ALTER TABLE proj_schedules RENAME TO hidden");
  while (worker.reported.length < 2) await new Promise((resolve) => setImmediate(resolve));
  worker.side().database.run("ALTER TABLE hidden RENAME TO proj_schedules");
  while (new Set(worker.started).size < 3) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await running;
  // A start whose record failed is asked for again, for the same due time.
  assert.deepEqual([...new Set(worker.started)].slice(0, 3), [
    "install_a schedule 01:00",
    "install_a schedule 02:00",
    "install_a schedule 03:00",
  ]);
  assert.ok(Math.max(...worker.sleeps) <= LIMITS.schedule_sleep_ms);
});

test("waking the loop ends its sleep at once", async (context) => {
  const worker = openScheduleWorld(context, runs);
  const stop = new AbortController();
  const { loop } = worker.side();
  worker.clock.sleep = async (_ms, signal) => {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  };
  const running = loop.run(stop.signal);
  await new Promise((resolve) => setImmediate(resolve));
  worker.set("install_a");
  worker.pass(at("01:00"));
  loop.wake();
  while (worker.started.length === 0) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await running;
});
