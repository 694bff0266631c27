import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { at, drive, WINDOW } from "../../test/fakes/schedule.ts";
import { HOUR_MS, MINUTE_MS } from "../core/durations.ts";
import { foldAll } from "../core/fold.ts";
import { scheduleDecider } from "./decider.ts";

const PLUGGED = { plugged_in: { value: true } } as const;
const BATTERY = { plugged_in: { value: false } } as const;
const UNKNOWN = { plugged_in: { unknown: "the sensor failed" } } as const;
const ASKS = { constraints: { plugged_in: true } };

test("what the machine does not allow yet waits, without an event a look, and starts when it does", () => {
  const schedule = drive({ ...ASKS, ...WINDOW }, "2026-01-01T12:00");
  assert.equal(schedule.checkWith("2026-01-02T02:00", BATTERY), "waits_for_constraints");
  assert.equal(schedule.next(), "2026-01-02T05:00");
  for (const time of ["02:01", "03:00"]) assert.equal(schedule.checkWith(`2026-01-02T${time}`, BATTERY), "nothing");
  assert.equal(schedule.checkWith("2026-01-02T04:00", PLUGGED), "constraints_met");
  const event = schedule.events.at(-2);
  assert.ok(event?.event_type === "schedule.fired");
  assert.equal(event.data.reason, "schedule");
  assert.equal(event.data.trace.waited_ms, 2 * HOUR_MS);
  assert.equal(schedule.next(), "2026-01-03T02:00");
});

test("a wait ends with the window, and the due time is skipped with what was measured", () => {
  const schedule = drive({ ...ASKS, ...WINDOW }, "2026-01-01T12:00");
  schedule.checkWith("2026-01-02T02:00", BATTERY);
  assert.equal(schedule.checkWith("2026-01-02T05:00", BATTERY), "constraints_unmet");
  assert.equal(schedule.next(), "2026-01-03T02:00");
  const event = schedule.events.at(-1);
  assert.ok(event?.event_type === "schedule.skipped");
  assert.deepEqual(event.data.trace.constraints, [{ name: "plugged_in", required: true, measured: false, met: "no" }]);
});

test("a machine that slept past the end of the wait explains itself by what it was, not by what it is", () => {
  const schedule = drive({ ...ASKS, ...WINDOW }, "2026-01-01T12:00");
  schedule.checkWith("2026-01-02T02:00", BATTERY);
  assert.equal(schedule.checkWith("2026-01-02T09:00", PLUGGED), "constraints_unmet");
  const event = schedule.events.at(-1);
  assert.ok(event?.event_type === "schedule.skipped");
  assert.equal(event.data.trace.constraints[0]?.met, "no");
});

test("without a window a wait ends after a day; what came due meanwhile is then decided about together", () => {
  const schedule = drive({ ...ASKS, expression: "0 * * * *" }, "2026-01-01T12:30");
  assert.equal(schedule.checkWith("2026-01-01T13:00", BATTERY), "waits_for_constraints");
  assert.equal(schedule.checkWith("2026-01-02T13:00", BATTERY), "constraints_unmet");
  assert.equal(schedule.next(), "2026-01-01T14:00");
  assert.equal(schedule.checkWith("2026-01-02T13:00:01", BATTERY), "waits_for_constraints");
  const event = schedule.events.at(-1);
  assert.ok(event?.event_type === "schedule.deferred");
  assert.deepEqual(
    [event.data.trace.first_due_ms, event.data.trace.due_ms, event.data.trace.due_times],
    [at("2026-01-01T14:00"), at("2026-01-02T13:00"), 24],
  );
});

test("due times that come while one waits join it: one run, for the latest", () => {
  const schedule = drive({ ...ASKS, expression: "0 * * * *" }, "2026-01-01T12:30");
  schedule.checkWith("2026-01-01T13:00", BATTERY);
  assert.equal(schedule.checkWith("2026-01-01T15:10", PLUGGED), "constraints_met");
  assert.deepEqual(schedule.fired(), ["2026-01-01T15:00"]);
  const event = schedule.events.at(-2);
  assert.ok(event?.event_type === "schedule.fired");
  assert.deepEqual([event.data.trace.due_times, event.data.trace.first_due_ms], [3, at("2026-01-01T13:00")]);
});

test("what no sensor knows waits, unless the schedule says that it may run", () => {
  const waits = drive(ASKS, "2026-01-01T12:00");
  assert.equal(waits.checkWith("2026-01-02T02:00", UNKNOWN), "waits_for_constraints");
  assert.equal(drive(ASKS, "2026-01-01T12:00").checkWith("2026-01-02T02:00", {}), "waits_for_constraints");
  const runs = drive({ ...ASKS, on_unknown: "run" }, "2026-01-01T12:00");
  assert.equal(runs.checkWith("2026-01-02T02:00", UNKNOWN), "on_time");
  const never = drive({ ...ASKS, on_unknown: "run" }, "2026-01-01T12:00");
  assert.equal(never.checkWith("2026-01-02T02:00", BATTERY), "waits_for_constraints");
});

test("waiting is not being missed: it starts also where what is missed is skipped", () => {
  const schedule = drive({ ...ASKS, on_missed: "skip" }, "2026-01-01T12:00");
  schedule.checkWith("2026-01-02T02:00", BATTERY);
  assert.equal(schedule.checkWith("2026-01-02T06:00", PLUGGED), "constraints_met");
});

test("with queue_one a due time waits for the running one, later ones join it, and one run follows", () => {
  const schedule = drive({ expression: "0 * * * *", overlap: "queue_one" }, "2026-01-01T12:30");
  assert.equal(schedule.check("2026-01-01T13:00", 1), "waits_for_run");
  assert.equal(schedule.check("2026-01-01T14:30", 1), "nothing");
  assert.equal(schedule.check("2026-01-01T14:40", 0), "run_ended");
  assert.deepEqual(schedule.fired(), ["2026-01-01T14:00"]);
  assert.equal(schedule.next(), "2026-01-01T15:00");
});

test("a queued due time does not start outside its window, nor later than a day", () => {
  const windowed = drive({ ...WINDOW, overlap: "queue_one" }, "2026-01-01T12:00");
  windowed.check("2026-01-02T02:00", 1);
  assert.equal(windowed.check("2026-01-02T05:00", 0), "run_active");
  const open = drive({ overlap: "cancel_running" }, "2026-01-01T12:00");
  assert.equal(open.check("2026-01-02T02:00", 1), "waits_for_run");
  assert.equal(open.check("2026-01-03T02:00", 1), "run_active");
});

test("what waited for the machine and then finds a run going on waits for that within the same patience", () => {
  const schedule = drive({ ...ASKS, ...WINDOW, overlap: "queue_one" }, "2026-01-01T12:00");
  schedule.checkWith("2026-01-02T02:00", BATTERY, 1);
  assert.equal(schedule.checkWith("2026-01-02T03:00", PLUGGED, 1), "waits_for_run");
  assert.equal(schedule.next(), "2026-01-02T05:00");
  assert.equal(schedule.checkWith("2026-01-02T03:30", PLUGGED, 0), "run_ended");
});

test("a clock that goes back behind a due time that waits lets it be due again, and run once", () => {
  const schedule = drive(ASKS, "2026-01-01T12:00");
  schedule.checkWith("2026-01-02T02:00", BATTERY);
  assert.equal(schedule.checkWith("2026-01-02T01:00", BATTERY), "schedule.realigned");
  assert.equal(schedule.state().waiting, null);
  assert.equal(schedule.checkWith("2026-01-02T02:00", PLUGGED), "on_time");
  assert.deepEqual(schedule.fired(), ["2026-01-02T02:00"]);
});

test("on any walk of the clock a due time that it passes is run once: forward and back lose and repeat nothing", () => {
  const QUARTER_MS = 15 * MINUTE_MS;
  const step = fc.oneof(
    { arbitrary: fc.integer({ min: 500, max: 40 * MINUTE_MS }), weight: 8 },
    { arbitrary: fc.integer({ min: HOUR_MS, max: 40 * HOUR_MS }), weight: 2 },
    { arbitrary: fc.integer({ min: -30 * HOUR_MS, max: -6_000 }), weight: 2 },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
      const schedule = drive({ expression: "*/15 * * * *" }, "2026-03-07T12:00:01");
      const ran = new Set<number>();
      let now = at("2026-03-07T12:00:01");
      for (const ms of steps) {
        const before = now;
        now += ms;
        schedule.checkMs(now);
        // Told that the clock went back, it finds its place first; the model looks at what it does from there.
        schedule.checkMs(now);
        // The latest of those passed that has not run before stands for them all.
        let passed = Math.floor(now / QUARTER_MS) * QUARTER_MS;
        while (passed > before && ran.has(passed)) passed -= QUARTER_MS;
        if (passed > before) ran.add(passed);
        const fired = schedule.fired();
        assert.equal(new Set(fired).size, fired.length, "none twice");
        assert.equal(fired.length, ran.size, "none lost");
      }
      assert.deepEqual(new Set(schedule.fired().map((text) => at(text))), ran);
    }),
    { numRuns: 200, seed: 20_260_307 },
  );
});

test("whatever the machine, the runs and the clock do, no due time runs twice, and a replay knows the same", () => {
  const moment = fc.record({
    ms: fc.oneof(
      { arbitrary: fc.integer({ min: 1_000, max: 30 * MINUTE_MS }), weight: 6 },
      { arbitrary: fc.integer({ min: -3 * HOUR_MS, max: 30 * HOUR_MS }), weight: 1 },
    ),
    runs: fc.integer({ min: 0, max: 1 }),
    machine: fc.constantFrom(PLUGGED, BATTERY, UNKNOWN, {}),
  });
  const schedules = fc.record({
    expression: fc.constantFrom("*/15 * * * *", "0 * * * *", "30 1 * * *", "7 22 * * *"),
    on_missed: fc.constantFrom("skip", "catch_up"),
    on_unknown: fc.constantFrom("wait", "run"),
    overlap: fc.constantFrom("skip", "queue_one", "cancel_running"),
    timezone: fc.constantFrom("America/Chicago", "Australia/Lord_Howe"),
  });
  fc.assert(
    fc.property(
      schedules,
      fc.boolean(),
      fc.array(moment, { minLength: 30, maxLength: 120 }),
      (changes, windowed, moments) => {
        const schedule = drive({ ...ASKS, ...changes, ...(windowed ? WINDOW : {}) }, "2026-03-07T12:00");
        let now = at("2026-03-07T12:00");
        for (const { ms, runs, machine } of moments) {
          now += ms;
          schedule.checkMs(now, runs, 0, machine);
          const { waiting, next } = schedule.state();
          if (waiting === null) continue;
          assert.equal(waiting.due.due_ms, next?.due_ms, "what waits comes next");
          const patience_ms = (next?.fire_at_ms ?? 0) - schedule.state().at_ms;
          assert.ok(
            waiting.for === "window" || patience_ms <= 24 * HOUR_MS + MINUTE_MS,
            "no wait is longer than a day",
          );
        }
        const fired = schedule.fired();
        assert.equal(new Set(fired).size, fired.length, fired.join(" "));
        assert.deepEqual(foldAll(scheduleDecider, schedule.events), schedule.state());
      },
    ),
    { numRuns: 200, seed: 20_260_308 },
  );
});
