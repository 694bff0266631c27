import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyAction } from "../../generated/types.ts";
import type { PolicyContext } from "../rule.ts";
import { quota } from "./quota.ts";

const quiet: PolicyContext = {
  ...{ now_ms: 0, kill_switch: false, aup: "strict", zone: "supervised", grant: [], approvals: [], quotas: [] },
};

const call: PolicyAction = { action_type: "api.call.idempotent" };
const judged = (used: number, amount: number, limit: number) =>
  quota.judge(call, { ...quiet, quotas: [{ name: "calls an hour", used, amount, limit }] }).map(({ code }) => code);

test("a quota may be used up and not exceeded", () => {
  assert.deepEqual(judged(9, 1, 10), []);
  assert.deepEqual(judged(10, 1, 10), ["quota_exceeded"]);
  assert.deepEqual(judged(0, 11, 10), ["quota_exceeded"]);
});

test("a number that is none exceeds every quota", () => {
  assert.deepEqual(judged(Number.NaN, 1, 10), ["quota_exceeded"]);
});

test("each quota that is exceeded is named", () => {
  const quotas = ["a", "b"].map((name) => ({ name, used: 1, amount: 1, limit: 1 }));
  assert.equal(quota.judge(call, { ...quiet, quotas }).length, 2);
});
