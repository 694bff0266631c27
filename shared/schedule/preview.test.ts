import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "../core/refusal.ts";
import { type Preview, type PreviewRequest, previewSchedule } from "./preview.ts";

const CHICAGO: PreviewRequest = {
  expression: "0 2 * * *",
  time_zone: "America/Chicago",
  from_ms: Date.parse("2026-03-07T00:00:00Z"),
  count: 3,
};

function preview(request: Partial<PreviewRequest>): Preview {
  const answer = previewSchedule({ ...CHICAGO, ...request });
  assert.ok(!isRejection(answer), isRejection(answer) ? answer.message : "");
  return answer;
}

test("a preview gives instants in UTC, local times, and the change of clocks it meets", () => {
  assert.deepEqual(preview({}), {
    fires: ["2026-03-07T08:00:00.000Z", "2026-03-08T08:00:00.000Z", "2026-03-09T07:00:00.000Z"],
    local: ["2026-03-07T02:00-06:00", "2026-03-08T03:00-05:00", "2026-03-09T02:00-05:00"],
    clock_changes: [
      {
        at: "2026-03-08T08:00:00.000Z",
        kind: "gap",
        local_from: "2026-03-08T02:00",
        local_until: "2026-03-08T03:00",
        outcome: "fires_after_gap",
      },
    ],
  });
});

test("each policy outcome is named, and only where the schedule meets it", () => {
  const from_ms = Date.parse("2026-01-01T00:00:00Z");
  const outcomes = (expression: string): string[] =>
    preview({ expression, from_ms, count: 1000 })
      .clock_changes.slice(0, 2)
      .map(({ outcome }) => outcome);
  assert.deepEqual(outcomes("30 1-2 * * *"), ["fires_after_gap", "fires_first_time"]);
  assert.deepEqual(outcomes("30 1-2/1 * * *"), ["does_not_fire", "fires_both_times"]);
  assert.deepEqual(outcomes("0 12 * * *"), []);
});

test("fires outside the window are left out", () => {
  const window = { start: "22:00", end: "02:00" };
  const { local } = preview({
    expression: "0 */3 * * *",
    window,
    count: 4,
    from_ms: Date.parse("2026-01-01T12:00:00Z"),
  });
  assert.deepEqual(
    local.map((text) => text.slice(0, 16)),
    ["2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00", "2026-01-05T00:00"],
  );
});

test("where fires never fall into the window, or never come, the answer is empty and quick", () => {
  assert.deepEqual(preview({ window: { start: "03:30", end: "04:00" } }).fires, []);
  assert.deepEqual(preview({ expression: "0 0 30 2 *" }).fires, []);
});

test("a fire moved out of a gap into a window counts, and out of its window does not", () => {
  const gap_day = { expression: "30 2 * * *", from_ms: Date.parse("2026-03-08T06:00:00Z"), count: 1 };
  assert.deepEqual(preview({ ...gap_day, window: { start: "03:00", end: "04:00" } }).fires, [
    "2026-03-08T08:00:00.000Z",
  ]);
  assert.deepEqual(preview({ ...gap_day, window: { start: "02:00", end: "03:00" } }).fires, [
    "2026-03-09T07:30:00.000Z",
  ]);
});

test("where what is outside waits, the start shown is the window's opening, one for all that is due until then", () => {
  const night = {
    time_zone: "UTC",
    from_ms: Date.parse("2026-03-07T12:00:00Z"),
    window: { start: "01:00", end: "05:00" },
  };
  const starts = (expression: string, on_missed: "skip" | "catch_up"): string[] =>
    preview({ ...night, expression, on_missed }).fires.map((text) => text.slice(5, 16));
  assert.deepEqual(starts("0 22 * * *", "skip"), []);
  assert.deepEqual(starts("0 22 * * *", "catch_up"), ["03-08T01:00", "03-09T01:00", "03-10T01:00"]);
  assert.deepEqual(starts("0 20-23,1,3 * * *", "catch_up"), ["03-08T01:00", "03-08T03:00", "03-09T01:00"]);
});

test("a day of change is marked also where the change comes after the last fire of that day, and not the day after", () => {
  const outcomes = (from: string, count: number, expression = "30 1 * * *"): string[] =>
    preview({ expression, from_ms: Date.parse(from), count }).clock_changes.map(({ outcome }) => outcome);
  assert.deepEqual(outcomes("2026-10-31T12:00:00Z", 1), ["fires_first_time"]);
  assert.deepEqual(outcomes("2026-10-30T12:00:00Z", 1), []);
  assert.deepEqual(outcomes("2026-03-07T18:00:00Z", 1, "30 0,2 * * *"), ["fires_after_gap"]);
});

test("what a change of clocks does to what the window keeps out is said as it is", () => {
  const outcomes = (request: Partial<PreviewRequest>): string[] =>
    preview({ from_ms: Date.parse("2026-01-01T00:00:00Z"), count: 366, ...request }).clock_changes.map(
      ({ outcome }) => outcome,
    );
  const gone = { expression: "30 2 * * *", window: { start: "02:00", end: "03:00" } };
  assert.deepEqual(outcomes({ ...gone, on_missed: "skip" }), ["outside_window"]);
  assert.deepEqual(outcomes({ ...gone, on_missed: "catch_up" }), ["waits_for_window"]);
  assert.deepEqual(outcomes({ expression: "30 1,6 * * *", window: { start: "06:00", end: "07:00" } }), []);
});

test("bad expressions, zones, windows and starts are refused", () => {
  const code = (request: Partial<PreviewRequest>): string => {
    const answer = previewSchedule({ ...CHICAGO, ...request });
    return isRejection(answer) ? answer.code : "accepted";
  };
  assert.equal(code({ expression: "61 * * * *" }), "cron_invalid");
  assert.equal(code({ time_zone: "Mars/Olympus" }), "time_zone_unknown");
  assert.equal(code({ window: { start: "02:00", end: "02:00" } }), "window_invalid");
  assert.equal(code({ from_ms: Number.NaN }), "usage");
  assert.equal(code({ from_ms: Date.UTC(12_000, 0, 1) }), "usage");
});
