/** Why an install ran late, waits or was not started, as its owner is told: sleep, set clocks, changes in between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS, HOUR_MS } from "@oa/shared/core/durations.ts";
import { toCronSchedule } from "@oa/shared/schedule/timing.ts";
import { getSchedule } from "@oa/shared/schedule/views.ts";
import { at } from "../fakes/schedule.ts";
import { NIGHTLY, openWhyWorld } from "../fakes/why-world.ts";

const NIGHT = { start: "01:00", end: "05:00" };

test("what was late and then waited still says that it was late, and when it was first looked at", async (context) => {
  const windowed = openWhyWorld(context, { window: NIGHT });
  windowed.check("2026-01-02T09:00", { away_ms: 7 * HOUR_MS });
  assert.deepEqual((await windowed.why()).sentences.slice(1), [
    "It was decided 7 h late: the worker was away for 7 h.",
    "The window 01:00 to 05:00 (UTC) was closed.",
    "It waits for its window to open, to start at 2026-01-03 01:00+00:00 (UTC).",
  ]);
  windowed.check("2026-01-03T01:00");
  assert.deepEqual((await windowed.why()).sentences.slice(0, 4), [
    "It was due at 2026-01-02 02:00+00:00 (UTC).",
    "The first decision about it was made at 2026-01-02 09:00+00:00 (UTC), 7 h late: the worker was away for 7 h; its window was closed then.",
    "The window 01:00 to 05:00 (UTC) was open.",
    "It was to start at 2026-01-03 01:00+00:00 (UTC), when its window opened.",
  ]);
  const queued = openWhyWorld(context, { expression: "0 1-3 * * *", overlap: "queue_one" });
  queued.check("2026-01-02T09:00", { away_ms: 8 * HOUR_MS, active_runs: 1 });
  queued.check("2026-01-02T09:10");
  assert.deepEqual((await queued.why()).sentences.slice(0, 4), [
    "It was due at 2026-01-02 03:00+00:00 (UTC).",
    "That stands for 3 due times since 2026-01-02 01:00+00:00 (UTC): they make one run.",
    "The first decision about it was made at 2026-01-02 09:00+00:00 (UTC), 6 h late: the worker was away for 8 h.",
    "It was to start at 2026-01-02 09:10+00:00 (UTC), when the run before it had ended, after 10 min.",
  ]);
});

test("why nobody decided in time is said as far as it is known", async (context) => {
  const late = async (more: { readonly clock_jump_ms?: number; readonly away_ms?: number }) => {
    const worker = openWhyWorld(context);
    worker.check("2026-01-02T09:00", more);
    return (await worker.why()).sentences[1]?.replace("It was decided 7 h late: ", "");
  };
  assert.equal(await late({}), "the worker was not running then, or could not write to its log.");
  assert.equal(await late({ away_ms: 8 * HOUR_MS }), "the worker was away for 8 h.");
  assert.equal(
    await late({ away_ms: 8 * HOUR_MS, clock_jump_ms: 8 * HOUR_MS }),
    "the machine slept for 8 h, or its clock was set forward by that.",
  );
  assert.equal(
    await late({ away_ms: 8 * HOUR_MS, clock_jump_ms: -HOUR_MS }),
    "the worker was away for 8 h, and its clock was set back by 1 h.",
  );
});

test("what is due and delayed by its jitter, or decided in a moment, is not told as the day before", async (context) => {
  const worker = openWhyWorld(context, { jitter_ms: 2 * HOUR_MS });
  worker.check("2026-01-02T05:00");
  worker.worker.decides = true;
  worker.pass("2026-01-03T02:00:10");
  const delayed = await worker.why("2026-01-03T02:00");
  assert.equal(delayed.answer, "not_decided");
  assert.match(
    delayed.sentences[0] ?? "",
    /^It was due at 2026-01-03 02:00\+00:00 \(UTC\) and starts .* later \(its jitter\), at 2026-01-03 0[23]:\d\d/,
  );
  assert.doesNotMatch(delayed.sentences.join(), /not running/);
  const start_ms = getSchedule(worker.world.database, worker.install_id)?.next_fire_ms ?? 0;
  worker.pass(new Date(start_ms + 500).toISOString().slice(0, -1));
  assert.match(
    (await worker.why()).sentences[0] ?? "",
    /^It was due at 2026-01-03 02:00.* and is being decided about now/,
  );
  worker.pass("2026-01-03T10:00");
  const woken = (await worker.why()).sentences.join();
  assert.match(woken, /has not been decided about since: the machine has just woken or its clock was set.*within 30 s/);
  assert.doesNotMatch(woken, /not running/);
});

test("a start that was decided, and taken off its schedule before its run was queued, is no start to come", async (context) => {
  const worker = openWhyWorld(context);
  worker.check("2026-01-02T02:00");
  worker.pass("2026-01-02T02:05");
  worker.send({ type: "clear", reason: "the install is disabled" });
  worker.pass("2026-01-02T08:00");
  for (const time of [null, "2026-01-02T02:00"]) {
    const { answer, sentences } = await worker.why(time);
    assert.equal(answer, "skipped");
    assert.ok(
      sentences.includes(
        "No run was started: before it could be, at 2026-01-02 02:05+00:00 (UTC), the install is disabled.",
      ),
      sentences.join(" "),
    );
  }
});

test("so it is where the clock was set back in between", async (context) => {
  const worker = openWhyWorld(context);
  worker.check("2026-01-02T02:00");
  worker.pass("2026-01-01T20:00");
  worker.send({ type: "clear", reason: "the install is disabled" });
  const { answer, sentences } = await worker.why();
  assert.equal(answer, "skipped");
  assert.match(sentences.join(" "), /No run was started: before it could be, .* the install is disabled/);
});

test("what ended a wait is said also to who asks for the time of the wait", async (context) => {
  const worker = openWhyWorld(context, { constraints: { plugged_in: true } });
  worker.check("2026-01-02T02:00");
  worker.pass("2026-01-02T02:30");
  const schedule = toCronSchedule({ ...NIGHTLY, expression: "0 3 * * *" }, "UTC");
  assert.ok(schedule !== null);
  const { install_id } = worker;
  worker.send({ type: "set", now_ms: at("2026-01-02T02:30"), install_id, worker_id: "w", schedule });
  worker.pass("2026-01-02T02:40");
  assert.match(
    (await worker.why("2026-01-02T02:00")).sentences.join(" "),
    /schedule was changed, which ended the wait/,
  );
  const removed = openWhyWorld(context, { constraints: { plugged_in: true } });
  removed.check("2026-01-02T02:00");
  removed.pass("2026-01-02T02:30");
  removed.send({ type: "clear", reason: "the install is removed" });
  const { answer, sentences } = await removed.why("2026-01-02T02:00");
  assert.equal(answer, "skipped");
  assert.match(sentences.join(" "), /The wait ended at 2026-01-02 02:30\+00:00 \(UTC\): the install is removed/);
});

test("that an install was off its schedule since it was last due is said where no time is asked about", async (context) => {
  const worker = openWhyWorld(context, { on_missed: "skip" });
  const schedule = toCronSchedule({ ...NIGHTLY, on_missed: "skip" }, "UTC");
  assert.ok(schedule !== null);
  const { install_id } = worker;
  worker.check("2026-01-02T09:00", { away_ms: 8 * HOUR_MS });
  worker.pass("2026-01-02T12:00");
  worker.send({ type: "clear", reason: "the install is disabled" });
  worker.pass("2026-01-05T12:00");
  worker.send({ type: "set", now_ms: at("2026-01-05T12:00"), install_id, worker_id: "w", schedule });
  assert.deepEqual((await worker.why()).sentences.slice(-2), [
    "It was on no schedule from 2026-01-02 12:00+00:00 (UTC) to 2026-01-05 12:00+00:00 (UTC): the install was disabled.",
    "It is due next at 2026-01-06 02:00+00:00 (UTC).",
  ]);
});

test("of what was missed longer than a week ago it is not said how often it was due", async (context) => {
  const worker = openWhyWorld(context);
  worker.check("2026-03-02T09:00", { away_ms: 59 * DAY_MS });
  assert.equal(
    (await worker.why()).sentences[1],
    "That stands for all due times since 2026-01-02 02:00+00:00 (UTC), 7 of them after 2026-02-23 09:00+00:00 (UTC): they make one run.",
  );
});

test("after a clock that was years ahead each due time is told by its own decision", async (context) => {
  const worker = openWhyWorld(context);
  worker.check("2030-06-01T09:00", { clock_jump_ms: 4 * 365 * DAY_MS });
  worker.send({ type: "record_start", due_ms: at("2030-06-01T02:00"), run_id: "run_2030" });
  worker.check("2026-01-02T01:00");
  for (const day of ["02", "03", "04"]) {
    worker.check(`2026-01-${day}T02:00`);
    worker.send({ type: "record_start", due_ms: at(`2026-01-${day}T02:00`), run_id: `run_${day}` });
  }
  const due = async (time: string | null) => (await worker.why(time)).due_at?.slice(0, 10);
  assert.deepEqual(
    [await due(null), await due("2026-01-03T02:00"), await due("2026-01-02T12:00"), await due("2030-06-02T00:00")],
    ["2026-01-04", "2026-01-03", "2026-01-02", undefined],
  );
  const { sentences, entries } = await worker.why("2026-01-03T02:00");
  assert.match(sentences.join(" "), /It was due at 2026-01-03 02:00\S* \(UTC\)\. It was to start .*, on time/);
  assert.deepEqual(
    entries.map(({ kind }) => kind),
    ["fired", "run_started"],
  );
});

test("where the clock was set back, what ran before and what was due again are told apart", async (context) => {
  const worker = openWhyWorld(context, { expression: "30 1,2 * * *", window: NIGHT });
  worker.check("2026-01-02T02:30", { away_ms: HOUR_MS });
  worker.send({ type: "record_start", due_ms: at("2026-01-02T02:30"), run_id: "run_1" });
  worker.check("2026-01-02T01:00");
  worker.check("2026-01-02T05:30", { clock_jump_ms: 4 * HOUR_MS, away_ms: 4 * HOUR_MS });
  worker.check("2026-01-03T06:00", { away_ms: 24 * HOUR_MS });
  const told = async (time: string) => {
    const { due_at, trace, entries } = await worker.why(time);
    return [due_at?.slice(8, 16), trace?.outcome, ...entries.map(({ kind }) => kind)];
  };
  assert.deepEqual(await told("2026-01-02T02:40"), ["02T02:30", "on_time", "fired", "run_started"]);
  assert.deepEqual(await told("2026-01-02T01:40"), ["03T02:30", "waits_for_window", "deferred", "deferred"]);
});
