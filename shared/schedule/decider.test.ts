import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { at, drive, INSTALL, NIGHTLY, OPEN, WINDOW } from "../../test/fakes/schedule.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../core/durations.ts";
import { foldAll } from "../core/fold.ts";
import { jitterOf } from "../core/jitter.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection } from "../core/refusal.ts";
import type { ScheduleEvent } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { scheduleDecider, scheduleSubject } from "./decider.ts";
import { toCronSchedule } from "./timing.ts";

test("a due time fires once, with the trace of the decision", () => {
  const schedule = drive({ constraints: { plugged_in: true } }, "2026-01-01T12:00");
  assert.equal(schedule.check("2026-01-02T01:59"), "nothing");
  assert.equal(schedule.checkWith("2026-01-02T02:00:01", { plugged_in: { value: true } }), "on_time");
  assert.equal(schedule.check("2026-01-02T02:00:02"), "nothing");
  assert.equal(schedule.next(), "2026-01-03T02:00");
  const event = schedule.events.find(({ event_type }) => event_type === "schedule.fired");
  assert.deepEqual(event?.data, {
    install_id: INSTALL,
    at_ms: at("2026-01-02T02:00:01"),
    due_ms: at("2026-01-02T02:00"),
    reason: "schedule",
    trace: {
      due_ms: at("2026-01-02T02:00"),
      first_due_ms: at("2026-01-02T02:00"),
      fire_at_ms: at("2026-01-02T02:00"),
      late_ms: 1000,
      jitter_ms: 0,
      due_times: 1,
      window: null,
      constraints: [{ name: "plugged_in", required: true, measured: true, met: "yes" }],
      on_unknown: "wait",
      on_missed: "catch_up",
      catch_up_max_age_h: 168,
      overlap: "skip",
      active_runs: 0,
      licence: "not_applicable",
      budget: "not_applicable",
      outcome: "on_time",
    },
    next: { due_ms: at("2026-01-03T02:00"), fire_at_ms: at("2026-01-03T02:00"), jitter_ms: 0 },
  });
});

test("however many were missed, one run is caught up, for the latest", () => {
  const schedule = drive({}, "2026-01-01T12:00");
  assert.equal(schedule.check("2026-01-06T09:00", 0, 4 * DAY_MS), "caught_up");
  const event = schedule.events[1];
  assert.ok(event?.event_type === "schedule.fired");
  assert.equal(event.data.reason, "catch_up");
  assert.equal(event.data.trace.due_times, 5);
  assert.equal(event.data.trace.clock_jump_ms, 4 * DAY_MS);
  assert.deepEqual(schedule.fired(), ["2026-01-06T02:00"]);
  assert.equal(schedule.check("2026-01-06T09:01"), "nothing");
  assert.equal(schedule.next(), "2026-01-07T02:00");
});

test("what was missed is skipped where the schedule says so, and a later one that is on time runs", () => {
  const schedule = drive({ on_missed: "skip", expression: "0 * * * *" }, "2026-01-01T12:30");
  assert.equal(schedule.check("2026-01-01T15:30"), "missed");
  assert.equal(schedule.check("2026-01-01T18:00:30"), "on_time");
  assert.deepEqual(schedule.fired(), ["2026-01-01T18:00"]);
});

test("what is too old is not caught up", () => {
  const schedule = drive({ expression: "0 2 1 * *" }, "2026-01-15T00:00");
  assert.equal(schedule.check("2026-02-09T02:01"), "too_old");
  assert.equal(schedule.next(), "2026-03-01T02:00");
});

test("a schedule declares how old a start may be that is caught up, and the decision says which age held", () => {
  const outcomeAt = (catch_up_max_age_h: number, text: string): string => {
    const schedule = drive({ expression: "0 2 1 * *", catch_up_max_age_h }, "2026-01-15T00:00");
    const outcome = schedule.check(text);
    const trace = schedule.events.flatMap(({ data }) => ("trace" in data ? [data.trace] : []));
    assert.deepEqual(trace[0]?.catch_up_max_age_h, catch_up_max_age_h);
    return outcome;
  };
  assert.equal(outcomeAt(6, "2026-02-01T08:00"), "caught_up");
  assert.equal(outcomeAt(6, "2026-02-01T08:00:01"), "too_old");
  assert.equal(outcomeAt(LIMITS.schedule_catch_up_max_h, "2026-02-28T02:00"), "caught_up");
});

test("of several that were missed the latest is measured, and all of a week are counted however short the age", () => {
  const schedule = drive({ expression: "0 2,3 * * *", catch_up_max_age_h: 2 }, "2026-01-01T12:00");
  assert.equal(schedule.check("2026-01-03T04:00"), "caught_up");
  const fired = schedule.events[1];
  assert.ok(fired?.event_type === "schedule.fired");
  assert.deepEqual([fired.data.trace.due_times, fired.data.trace.counted_from_ms], [4, undefined]);
  assert.equal(schedule.check("2026-01-05T09:00"), "too_old");
});

test("the age is that of what was missed: what waits for its window or the machine grows no older by it", () => {
  const windowed = drive({ ...WINDOW, expression: "0 22 * * *", catch_up_max_age_h: 1 }, "2026-01-01T12:00");
  assert.equal(windowed.check("2026-01-01T22:00"), "waits_for_window");
  assert.equal(windowed.check("2026-01-02T01:00"), "window_opened");
  assert.equal(windowed.check("2026-01-02T22:00"), "waits_for_window");
  assert.equal(windowed.check("2026-01-03T03:00"), "too_old", "it was to start when the window opened");
  const held = drive({ constraints: { plugged_in: true }, catch_up_max_age_h: 1 }, "2026-01-01T12:00");
  held.checkWith("2026-01-02T02:00", { plugged_in: { value: false } });
  assert.equal(held.checkWith("2026-01-02T06:00", { plugged_in: { value: true } }), "constraints_met");
});

test("the schema takes an age of an hour to the limit, and no other", () => {
  const takes = (catch_up_max_age_h: number): boolean =>
    validators.isControlScheduleSet({ changes: { catch_up_max_age_h } });
  assert.deepEqual([1, LIMITS.schedule_catch_up_h, LIMITS.schedule_catch_up_max_h].map(takes), [true, true, true]);
  assert.deepEqual([0, 1.5, -1, LIMITS.schedule_catch_up_max_h + 1].map(takes), [false, false, false, false]);
});

test("after a year asleep the answer is quick, and says from when it counted", () => {
  const schedule = drive({ expression: "* * * * *" }, "2025-01-01T00:00");
  assert.equal(schedule.check("2026-01-01T00:00:30"), "on_time");
  const event = schedule.events[1];
  assert.ok(event?.event_type === "schedule.fired");
  assert.equal(event.data.trace.counted_from_ms, at("2026-01-01T00:00:30") - LIMITS.schedule_catch_up_h * HOUR_MS);
});

test("a due time outside the window waits for its opening, and then runs", () => {
  const schedule = drive({ ...WINDOW, expression: "0 22 * * *" }, "2026-01-01T12:00");
  assert.equal(schedule.check("2026-01-01T22:00"), "waits_for_window");
  assert.equal(schedule.next(), "2026-01-02T01:00");
  assert.equal(schedule.check("2026-01-01T23:00"), "nothing");
  assert.equal(schedule.check("2026-01-02T01:00"), "window_opened");
  assert.deepEqual(schedule.fired(), ["2026-01-01T22:00"]);
  assert.equal(schedule.next(), "2026-01-02T22:00");
});

test("a due time outside the window is skipped where missed ones are", () => {
  const schedule = drive({ ...WINDOW, expression: "0 22 * * *", on_missed: "skip" }, "2026-01-01T12:00");
  assert.equal(schedule.check("2026-01-01T22:00"), "outside_window");
  assert.deepEqual(schedule.fired(), []);
});

test("a missed run does not disturb the day: it is caught up when the window opens again", () => {
  const schedule = drive(WINDOW, "2026-01-01T12:00");
  assert.equal(schedule.check("2026-01-02T09:00"), "waits_for_window");
  assert.equal(schedule.check("2026-01-03T01:00"), "window_opened");
  assert.equal(schedule.check("2026-01-03T02:00"), "on_time");
  assert.deepEqual(schedule.fired(), ["2026-01-02T02:00", "2026-01-03T02:00"]);
});

test("many that wait for one opening are one run", () => {
  const schedule = drive({ ...WINDOW, expression: "0 20-23 * * *" }, "2026-01-01T12:00");
  assert.equal(schedule.check("2026-01-01T20:00"), "waits_for_window");
  assert.equal(schedule.check("2026-01-02T01:00"), "caught_up");
  assert.deepEqual(schedule.fired(), ["2026-01-01T23:00"]);
  assert.equal(schedule.next(), "2026-01-02T20:00");
});

test("jitter delays each start alike and never carries it out of its window", () => {
  const jitter = jitterOf(INSTALL, "w", 600_000);
  const schedule = drive({ jitter_ms: 600_000 }, "2026-01-01T12:00");
  const due = at("2026-01-02T02:00");
  assert.equal(schedule.checkMs(due + jitter - 1), "nothing");
  assert.equal(schedule.checkMs(due + jitter), "on_time");
  assert.equal(schedule.state().next?.fire_at_ms, due + DAY_MS + jitter);
  fc.assert(
    fc.property(fc.uuid(), fc.integer({ min: 0, max: 59 }), (install_id, minute) => {
      const command = { type: "set", now_ms: due, install_id, worker_id: "w" } as const;
      const wide = { ...NIGHTLY, ...WINDOW, expression: `${minute} 4 * * *`, jitter_ms: DAY_MS };
      const [event] = scheduleDecider.decide(scheduleDecider.initial, {
        ...command,
        schedule: wide,
      }) as ScheduleEvent[];
      assert.ok(event?.event_type === "schedule.set");
      const start = event.data.next?.fire_at_ms ?? 0;
      assert.ok(start >= at(`2026-01-02T04:${String(minute).padStart(2, "0")}`) && start < at("2026-01-02T05:00"));
    }),
  );
});

test("a due time is skipped, and says so, while a run of the install goes on or one is still to be started", () => {
  const schedule = drive({ expression: "0 * * * *" }, "2026-01-01T12:30");
  assert.equal(schedule.check("2026-01-01T13:00", 1), "run_active");
  const [fired] = schedule.send({
    type: "check",
    now_ms: at("2026-01-01T14:00"),
    ...{ active_runs: 0, gates: OPEN, clock_jump_ms: 0, away_ms: 0, machine: {} },
  });
  assert.equal(fired?.event_type, "schedule.fired");
  assert.equal(schedule.check("2026-01-01T15:00"), "run_active");
  schedule.send({ type: "record_start", due_ms: at("2026-01-01T14:00"), run_id: "run_1" });
  assert.equal(schedule.check("2026-01-01T16:00"), "on_time");
});

test("a clock that goes back an hour runs nothing twice", () => {
  const schedule = drive({}, "2026-01-01T12:00");
  assert.equal(schedule.check("2026-01-02T02:00"), "on_time");
  assert.equal(schedule.check("2026-01-02T01:00"), "schedule.realigned");
  assert.equal(schedule.check("2026-01-02T02:00"), "nothing");
  assert.equal(schedule.next(), "2026-01-03T02:00");
});

test("a clock that was years ahead loses nothing once it is right again", () => {
  const schedule = drive({}, "2026-01-01T12:00");
  assert.equal(schedule.check("2030-06-01T09:00"), "caught_up");
  assert.equal(schedule.check("2026-01-01T13:00"), "schedule.realigned");
  assert.equal(schedule.next(), "2026-01-02T02:00");
  assert.equal(schedule.check("2026-01-02T02:00"), "on_time");
  assert.deepEqual(schedule.fired(), ["2030-06-01T02:00", "2026-01-02T02:00"]);
});

test("what waits for its window goes on waiting when the clock goes back", () => {
  const schedule = drive({ ...WINDOW, expression: "0 22 * * *" }, "2026-01-01T12:00");
  assert.equal(schedule.check("2026-01-01T22:30"), "waits_for_window");
  assert.equal(schedule.check("2026-01-01T22:10"), "schedule.realigned");
  assert.equal(schedule.check("2026-01-02T01:00"), "window_opened");
});

test("setting the same schedule again changes nothing, a changed one is due anew", () => {
  const schedule = drive({}, "2026-01-01T12:00");
  assert.deepEqual(schedule.set({}, at("2026-01-01T13:00")), []);
  assert.equal(schedule.set({ expression: "0 3 * * *" }, at("2026-01-01T13:00")).length, 1);
  assert.equal(schedule.next(), "2026-01-02T03:00");
});

test("a cleared schedule is never due, and a never-due schedule neither", () => {
  const schedule = drive({}, "2026-01-01T12:00");
  schedule.send({ type: "clear", reason: "disabled" });
  assert.equal(schedule.check("2026-02-01T00:00"), "nothing");
  assert.deepEqual(schedule.send({ type: "clear", reason: "disabled" }), []);
  assert.equal(drive({ expression: "0 0 30 2 *" }, "2026-01-01T00:00").check("2030-01-01T00:00"), "nothing");
});

test("a schedule that cannot be kept is refused", () => {
  for (const [changes, code] of [
    [{ expression: "61 * * * *" }, "cron_invalid"],
    [{ timezone: "Mars/Olympus" }, "time_zone_unknown"],
    [{ window: { start: "02:00", end: "02:00" } }, "window_invalid"],
  ] as const) {
    const command = { type: "set", now_ms: 0, install_id: INSTALL, worker_id: "w" } as const;
    const answer = scheduleDecider.decide(scheduleDecider.initial, {
      ...command,
      schedule: { ...NIGHTLY, ...changes },
    });
    assert.ok(isRejection(answer) && answer.code === code, code);
  }
});

test("a start that is recorded twice, or for another due time, is recorded once", () => {
  const schedule = drive({}, "2026-01-01T12:00");
  schedule.check("2026-01-02T02:00");
  assert.deepEqual(schedule.send({ type: "record_start", due_ms: at("2026-01-02T02:00"), run_id: "run_2" }), []);
  assert.deepEqual(schedule.send({ type: "record_refusal", due_ms: 1, code: "busy", message: "no" }), []);
});

test("whatever the clock and the sleeper do, no due time fires twice, and a replay knows the same", () => {
  const jump = fc.oneof(
    { arbitrary: fc.integer({ min: 1_000, max: 20 * MINUTE_MS }), weight: 6 },
    { arbitrary: fc.integer({ min: -3 * HOUR_MS, max: 30 * HOUR_MS }), weight: 1 },
  );
  const schedules = fc.record({
    expression: fc.constantFrom("*/15 * * * *", "0 * * * *", "30 1 * * *", "0 2 * * *", "7 22 * * *"),
    on_missed: fc.constantFrom("skip", "catch_up"),
    jitter_ms: fc.constantFrom(0, 10 * MINUTE_MS),
    timezone: fc.constantFrom("America/Chicago", "Australia/Lord_Howe"),
  });
  fc.assert(
    fc.property(
      schedules,
      fc.boolean(),
      fc.array(jump, { minLength: 50, maxLength: 150 }),
      (changes, windowed, jumps) => {
        const schedule = drive({ ...changes, ...(windowed ? WINDOW : {}) }, "2026-03-07T12:00");
        let now = at("2026-03-07T12:00");
        for (const ms of jumps) {
          now += ms;
          schedule.checkMs(now);
        }
        const fired = schedule.fired();
        assert.equal(new Set(fired).size, fired.length, fired.join(" "));
        assert.deepEqual(foldAll(scheduleDecider, schedule.events), schedule.state());
      },
    ),
    { numRuns: 150 },
  );
});

test("a manifest's schedule gets its defaults; one without times is no cron schedule", () => {
  assert.deepEqual(toCronSchedule({ type: "cron", expression: "@daily" }, "Asia/Tokyo"), {
    expression: "@daily",
    timezone: "Asia/Tokyo",
    jitter_ms: 0,
    on_missed: "catch_up",
    catch_up_max_age_h: 168,
    on_unknown: "wait",
    overlap: "skip",
  });
  assert.equal(toCronSchedule({ type: "manual" }, "UTC"), null);
  assert.equal(scheduleSubject(INSTALL), "schedule_01JABCDEFGHJKMNPQRSTVWXYZ0");
});

const UNPAID = { licence: { allowed: false, code: "licence_missing", message: "it costs 50 sats a run" } } as const;
const HELD = { licence: { allowed: true, message: "it is paid for", verdict: "valid" } } as const;
const FULL = {
  budget: {
    ...{ allowed: false, message: "external_writes_per_day: 10 of 10 are used" },
    quotas: [{ name: "external_writes_per_day", used: 10, limit: 10, free_at_ms: at("2026-01-02T04:00") }],
  },
} as const;

test("what is not paid for waits for its licence, and starts once that is there", () => {
  const schedule = drive({ ...WINDOW }, "2026-01-01T12:00");
  assert.equal(schedule.checkGates("2026-01-02T02:00", UNPAID), "waits_for_licence");
  assert.equal(schedule.checkGates("2026-01-02T02:00:30", UNPAID), "nothing");
  assert.equal(schedule.state().waiting?.for, "licence");
  assert.equal(schedule.checkGates("2026-01-02T03:00", HELD), "licence_given");
  const fired = schedule.events.at(-2);
  assert.ok(fired?.event_type === "schedule.fired");
  assert.deepEqual([fired.data.trace.licence, fired.data.trace.waited_ms], [HELD.licence, HOUR_MS]);
});

test("a licence that does not come is given up with the window, and the trace says what was missing", () => {
  const schedule = drive({ ...WINDOW }, "2026-01-01T12:00");
  schedule.checkGates("2026-01-02T02:00", UNPAID);
  assert.equal(schedule.checkGates("2026-01-02T05:00", UNPAID), "unlicensed");
  assert.deepEqual(schedule.fired(), []);
  assert.equal(schedule.next(), "2026-01-03T02:00");
  // Asleep past the end of the wait: what is so only now did not hold it back.
  schedule.checkGates("2026-01-03T02:00", UNPAID);
  assert.equal(schedule.checkGates("2026-01-03T09:00", HELD), "unlicensed");
  const skipped = schedule.events.at(-1);
  assert.ok(skipped?.event_type === "schedule.skipped");
  assert.deepEqual(skipped.data.trace.licence, UNPAID.licence);
});

test("a quota that is used up holds the start back until it has room again, or for as long as patience lasts", () => {
  const schedule = drive({}, "2026-01-01T12:00");
  assert.equal(schedule.checkGates("2026-01-02T02:00", FULL), "waits_for_budget");
  assert.equal(schedule.checkGates("2026-01-02T03:59", FULL), "nothing");
  assert.equal(schedule.checkGates("2026-01-02T04:00", {}), "budget_freed");
  assert.equal(schedule.checkGates("2026-01-03T02:00", FULL), "waits_for_budget");
  assert.equal(
    schedule.checkMs(at("2026-01-03T02:00") + LIMITS.schedule_wait_ms, 0, 0, {}, { ...OPEN, ...FULL }),
    "over_budget",
  );
});

test("the machine is waited for first, then the licence, then the quota, then a run; one wait goes over into the next", () => {
  const schedule = drive({ constraints: { plugged_in: true }, overlap: "queue_one", ...WINDOW }, "2026-01-01T12:00");
  const [battery, mains] = [{ plugged_in: { value: false } }, { plugged_in: { value: true } }];
  const step = (text: string, machine: typeof battery, gates: object, runs = 0): string =>
    schedule.checkMs(at(text), runs, 0, machine, { ...OPEN, ...gates });
  assert.equal(step("2026-01-02T02:00", battery, { ...UNPAID, ...FULL }, 1), "waits_for_constraints");
  assert.equal(step("2026-01-02T02:10", mains, { ...UNPAID, ...FULL }, 1), "waits_for_licence");
  assert.equal(step("2026-01-02T02:20", mains, { ...HELD, ...FULL }, 1), "waits_for_budget");
  assert.equal(step("2026-01-02T02:30", mains, HELD, 1), "waits_for_run");
  assert.equal(step("2026-01-02T02:40", mains, HELD), "run_ended");
  const fired = schedule.events.at(-2);
  assert.ok(fired?.event_type === "schedule.fired");
  assert.equal(fired.data.trace.waited_ms, 40 * MINUTE_MS);
});
