import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../core/limits.ts";
import { ageWanted_ms, clockAgrees, firstSeen_ms, quarantine } from "./quarantine.ts";

const HOUR = 3_600_000;

test("a release waits until this worker has known it as long as its owner wants", () => {
  const seen = { seen_at_ms: 1_000 };
  assert.deepEqual(quarantine(seen, HOUR, 1_000 + HOUR - 1), { over: false, age_ms: HOUR - 1, until_ms: 1_000 + HOUR });
  assert.equal(quarantine(seen, HOUR, 1_000 + HOUR).over, true);
});

test("a release that was never seen is as young as can be, unless the owner wants no age at all", () => {
  assert.deepEqual(quarantine(undefined, HOUR, 5), { over: false, age_ms: 0, until_ms: HOUR + 5 });
  assert.equal(quarantine(undefined, 0, 5).over, true);
});

test("a clock that is set back makes it wait, and never counts as age", () => {
  assert.deepEqual(quarantine({ seen_at_ms: 10 * HOUR }, HOUR, 2 * HOUR), {
    ...{ over: false, age_ms: 0, until_ms: 11 * HOUR },
  });
});

test("first seen is never before what the log holds, nor before what the author says", () => {
  assert.equal(firstSeen_ms(1_000, 0, 0), 1_000);
  assert.equal(firstSeen_ms(1_000, 9_000, 0), 9_000);
  assert.equal(firstSeen_ms(1_000, 0, 20), 20_000);
});

test("the worker's own number holds until its owner chooses another", () => {
  assert.equal(ageWanted_ms({}), LIMITS.release_age_h * HOUR);
  assert.equal(ageWanted_ms({ min_age_h: 2 }), 2 * HOUR);
  assert.equal(ageWanted_ms({ min_age_h: 0 }), 0);
});

test("the clock is believed only after a second look, far enough from the first and in step with it", () => {
  const gap = LIMITS.release_check_ms_min;
  const first = { wall_ms: 1_000_000, monotonic_ms: 5_000 };
  const later = (wall: number, monotonic: number) => ({ wall_ms: 1_000_000 + wall, monotonic_ms: 5_000 + monotonic });
  assert.equal(clockAgrees(undefined, first), false);
  assert.equal(clockAgrees(first, later(gap, gap)), true);
  assert.equal(clockAgrees(first, later(gap - 1, gap - 1)), false);
  assert.equal(clockAgrees(first, later(gap + 365 * 24 * HOUR, gap)), false);
  assert.equal(clockAgrees(first, later(gap - 24 * HOUR, gap)), false);
});
