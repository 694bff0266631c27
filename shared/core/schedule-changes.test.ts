import assert from "node:assert/strict";
import { test } from "node:test";
import type { CronSchedule, ScheduleChanges, UpgradeSchedule } from "../generated/types.ts";
import { isRejection } from "./refusal.ts";
import { checkChanges, mergedChanges, ownSchedule, withChanges } from "./schedule-changes.ts";

const NIGHTLY: CronSchedule = { expression: "0 2 * * *", timezone: "UTC", jitter_ms: 0, on_missed: "catch_up" };
const WINDOW = { window: { start: "01:00", end: "05:00" } };
const DECLARED: UpgradeSchedule = { type: "cron", expression: "0 2 * * *", timezone: "UTC", ...WINDOW };

test("changed settings replace, add and take away", () => {
  const base = { ...NIGHTLY, ...WINDOW, constraints: { plugged_in: true, cpu_max_percentage: 60 } };
  assert.deepEqual(withChanges(base, {}), base);
  const { window: _, ...open } = base;
  assert.deepEqual(withChanges(base, { window: null, constraints: { plugged_in: null, wifi_only: true } }), {
    ...open,
    constraints: { cpu_max_percentage: 60, wifi_only: true },
  });
  const { constraints: __, ...free } = { ...open, expression: "0 3 * * *", overlap: "queue_one" as const };
  const taken = { plugged_in: null, cpu_max_percentage: null };
  assert.deepEqual(
    withChanges(base, { expression: "0 3 * * *", overlap: "queue_one", window: null, constraints: taken }),
    free,
  );
});

test("what the owner chooses takes the place of what the upgrade declares, and of nothing else", () => {
  assert.deepEqual(ownSchedule(DECLARED, null), DECLARED);
  assert.deepEqual(ownSchedule(DECLARED, { expression: "0 3 * * *" }), { ...DECLARED, expression: "0 3 * * *" });
  assert.deepEqual(ownSchedule({ type: "manual" }, { expression: "0 3 * * *" }), {
    type: "cron",
    expression: "0 3 * * *",
  });
  assert.deepEqual(ownSchedule({ type: "event" }, WINDOW), { type: "event", ...WINDOW });
});

test("what was chosen before stays chosen until something else is", () => {
  const before: ScheduleChanges = { expression: "0 3 * * *", constraints: { plugged_in: true } };
  assert.deepEqual(mergedChanges(before, { window: null, constraints: { wifi_only: true, plugged_in: null } }), {
    ...{ expression: "0 3 * * *", window: null },
    constraints: { plugged_in: null, wifi_only: true },
  });
  assert.deepEqual(mergedChanges(null, { overlap: "queue_one" }), { overlap: "queue_one" });
});

test("settings that no schedule can be kept by are refused by name", () => {
  const code = (changes: ScheduleChanges, declared = DECLARED): string | undefined => {
    const refused = checkChanges(declared, changes);
    return isRejection(refused) ? refused.code : undefined;
  };
  assert.equal(code({ expression: "61 2 * * *" }), "cron_invalid");
  assert.equal(code({ expression: "@reboot" }), "cron_invalid");
  assert.equal(code({ expression: "0 0 30 2 *" }), "cron_invalid", "it never fires");
  assert.equal(code({ timezone: "Mars/Olympus" }), "time_zone_unknown");
  assert.equal(code({ window: { start: "02:00", end: "02:00" } }), "window_invalid");
  assert.equal(code({ window: { start: "2", end: "25:00" } }), "window_invalid");
  assert.equal(code({ overlap: "queue_one" }, { type: "manual" }), "schedule_incomplete");
  assert.equal(code({ expression: "@daily", overlap: "queue_one" }, { type: "manual" }), undefined);
  assert.equal(code({ window: null, timezone: "Asia/Tokyo" }), undefined);
  assert.equal(code({ on_unknown: "run" }, { type: "event" }), undefined);
});
