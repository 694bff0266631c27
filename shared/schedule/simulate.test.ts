import assert from "node:assert/strict";
import { test } from "node:test";
import { at, INSTALL, NIGHTLY, OPEN, WINDOW } from "../../test/fakes/schedule.ts";
import { HOUR_MS, MINUTE_MS } from "../core/durations.ts";
import { isRejection } from "../core/refusal.ts";
import { type SimulationRequest, simulateSchedule } from "./simulate.ts";

function simulate(changes: Partial<SimulationRequest>): readonly string[] {
  const simulation = simulateSchedule({
    install_id: INSTALL,
    worker_id: "w",
    schedule: NIGHTLY,
    from_ms: at("2026-03-01T00:00"),
    until_ms: at("2026-03-04T00:00"),
    run_ms: 0,
    records: [],
    absences: [],
    gatesAt: () => OPEN,
    ...changes,
  });
  assert.ok(!isRejection(simulation), isRejection(simulation) ? simulation.message : "");
  assert.ok(simulation.complete);
  return simulation.decisions.map(
    ({ at_ms, trace }) => `${new Date(at_ms).toISOString().slice(5, 16)} ${trace.outcome}`,
  );
}

test("a simulation is the schedule's own rules on a clock of its own", () => {
  assert.deepEqual(simulate({}), ["03-01T02:00 on_time", "03-02T02:00 on_time", "03-03T02:00 on_time"]);
  assert.deepEqual(simulate({ schedule: { ...NIGHTLY, expression: "0 0 30 2 *" } }), []);
});

test("where nothing was measured the constraints are unknown and wait; where it was, the measurement decides", () => {
  const schedule = { ...NIGHTLY, ...WINDOW, constraints: { plugged_in: true } };
  const day = { from_ms: at("2026-03-01T00:00"), until_ms: at("2026-03-02T00:00"), schedule };
  assert.deepEqual(simulate(day), ["03-01T02:00 waits_for_constraints", "03-01T05:00 constraints_unmet"]);
  assert.deepEqual(simulate({ ...day, schedule: { ...schedule, on_unknown: "run" } }), ["03-01T02:00 on_time"]);
  const records = [
    { at_ms: at("2026-03-01T01:59"), readings: { plugged_in: { value: false } } },
    { at_ms: at("2026-03-01T03:30"), readings: { plugged_in: { value: true } } },
  ];
  assert.deepEqual(simulate({ ...day, records }), ["03-01T02:00 waits_for_constraints", "03-01T03:30 constraints_met"]);
  assert.deepEqual(simulate({ ...day, records: records.slice(0, 1), schedule: { ...schedule, on_unknown: "run" } }), [
    "03-01T02:00 waits_for_constraints",
    "03-01T02:10 constraints_met", // after that the measurement says nothing any more
  ]);
});

test("what was measured for a decision decides it, though measuring took a while", () => {
  const schedule = { ...NIGHTLY, constraints: { plugged_in: true }, on_unknown: "run" as const };
  const day = { until_ms: at("2026-03-02T00:00"), schedule };
  const battery = { at_ms: at("2026-03-01T02:00:01.200"), readings: { plugged_in: { value: false } } };
  const mains = { at_ms: at("2026-03-01T02:00:31"), readings: { plugged_in: { value: true } } };
  assert.deepEqual(simulate({ ...day, records: [battery, mains] }), [
    "03-01T02:00 waits_for_constraints",
    "03-01T02:00 constraints_met",
  ]);
  const before = { ...mains, at_ms: at("2026-03-01T01:55") };
  assert.deepEqual(simulate({ ...day, records: [before, battery] }).slice(0, 1), ["03-01T02:00 waits_for_constraints"]);
  const absences = [{ from_ms: at("2026-03-01T01:00"), until_ms: at("2026-03-01T07:00") }];
  const woken = { ...mains, at_ms: at("2026-03-01T07:00:01") };
  const waits = { ...day, schedule: { ...schedule, on_unknown: "wait" as const } };
  assert.deepEqual(simulate({ ...waits, absences, records: [woken] }), ["03-01T07:00 caught_up"]);
});

test("while the machine slept nothing is decided, and afterwards what was missed", () => {
  const absences = [{ from_ms: at("2026-03-01T01:00"), until_ms: at("2026-03-02T07:00") }];
  assert.deepEqual(simulate({ absences }), ["03-02T07:00 caught_up", "03-03T02:00 on_time"]);
  assert.deepEqual(simulate({ absences, schedule: { ...NIGHTLY, on_missed: "skip" } }), [
    "03-02T07:00 missed",
    "03-03T02:00 on_time",
  ]);
  assert.deepEqual(simulate({ absences, schedule: { ...NIGHTLY, catch_up_max_age_h: 4 } }), [
    "03-02T07:00 too_old",
    "03-03T02:00 on_time",
  ]);
});

test("runs as long as they usually are overlap as the policy says", () => {
  const request = {
    until_ms: at("2026-03-01T03:00"),
    run_ms: 90 * MINUTE_MS,
    schedule: { ...NIGHTLY, expression: "0 * * * *" },
  };
  const with_overlap = (overlap: "skip" | "queue_one" | "cancel_running") =>
    simulate({ ...request, schedule: { ...request.schedule, overlap } });
  assert.deepEqual(with_overlap("skip"), ["03-01T00:00 on_time", "03-01T01:00 run_active", "03-01T02:00 on_time"]);
  assert.deepEqual(with_overlap("queue_one"), [
    "03-01T00:00 on_time",
    "03-01T01:00 waits_for_run",
    "03-01T01:30 run_ended",
    "03-01T02:00 waits_for_run",
  ]);
  assert.deepEqual(with_overlap("cancel_running"), [
    "03-01T00:00 on_time",
    "03-01T01:00 waits_for_run",
    "03-01T01:00 run_ended",
    "03-01T02:00 waits_for_run",
    "03-01T02:00 run_ended",
  ]);
});

test("what was not paid for, or had used up its quota, would have waited until it was otherwise", () => {
  const unpaid = { licence: { allowed: false, code: "licence_missing", message: "not paid for" } } as const;
  const day = { until_ms: at("2026-03-02T00:00"), schedule: { ...NIGHTLY, ...WINDOW } };
  const gatesAt = (at_ms: number) => (at_ms < at("2026-03-01T03:30") ? { ...OPEN, ...unpaid } : OPEN);
  assert.deepEqual(simulate({ ...day, gatesAt }), ["03-01T02:00 waits_for_licence", "03-01T04:00 licence_given"]);
  const never = () => ({ ...OPEN, budget: { allowed: false, message: "used up", quotas: [] } });
  assert.deepEqual(simulate({ ...day, gatesAt: never }), ["03-01T02:00 waits_for_budget", "03-01T05:00 over_budget"]);
});

test("too many decisions end a simulation, and a schedule that cannot be is refused", () => {
  const request = {
    ...{ install_id: INSTALL, worker_id: "w", run_ms: 0, records: [], absences: [], gatesAt: () => OPEN },
    from_ms: 0,
    until_ms: 30 * 24 * HOUR_MS,
  };
  const minutely = simulateSchedule({ ...request, schedule: { ...NIGHTLY, expression: "* * * * *" } });
  assert.ok(!isRejection(minutely) && !minutely.complete && minutely.decisions.length === 10_000);
  const wrong = simulateSchedule({ ...request, schedule: { ...NIGHTLY, expression: "no" } });
  assert.ok(isRejection(wrong) && wrong.code === "cron_invalid");
});
