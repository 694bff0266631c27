import assert from "node:assert/strict";
import { test } from "node:test";
import type { UpgradeManifest } from "../generated/types.ts";
import { worstCaseCost } from "./cost.ts";

const now = { now_ms: Date.UTC(2026, 0, 1), time_zone: "UTC" };
const cost = (manifest: object, grant: readonly string[] = []) =>
  worstCaseCost({ schedule: { type: "manual" }, ...manifest } as unknown as UpgradeManifest, grant, now);
const hourly = { schedule: { type: "cron", expression: "0 * * * *" } };

test("what costs nothing costs nothing, however often it runs", () => {
  assert.deepEqual(cost({}), { run_sats: 0, thirty_days_sats: 0, thirty_days_runs: null });
  assert.deepEqual(cost(hourly), { run_sats: 0, thirty_days_sats: 0, thirty_days_runs: 720 });
});

test("starts that nobody knows ahead make the thirty days unknown", () => {
  const price = { pricing: { model: "per-run", amount_sats: 3 } };
  assert.deepEqual(cost(price), { run_sats: 3, thirty_days_sats: null, thirty_days_runs: null });
  const triggers = [{ type: "file_change", glob: "~/a" }];
  assert.equal(cost({ ...price, ...hourly, triggers }).thirty_days_sats, null);
});

test("price and spending add up by their own periods", () => {
  assert.equal(
    cost({ ...hourly, pricing: { model: "per-run", amount_sats: 3 } }, ["wallet:spend:2/run"]).thirty_days_sats,
    3_600,
  );
  assert.equal(cost({ ...hourly, pricing: { model: "per-month", amount_sats: 9 } }).thirty_days_sats, 9);
  assert.equal(cost(hourly, ["wallet:spend:10/day"]).thirty_days_sats, 300);
  assert.equal(cost(hourly, ["wallet:spend:10/week"]).thirty_days_sats, 50);
});

test("one run can use up a limit by the day", () => {
  assert.equal(cost(hourly, ["wallet:spend:10/day", "wallet:spend:1/run"]).run_sats, 11);
});
