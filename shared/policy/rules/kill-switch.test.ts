import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyAction } from "../../generated/types.ts";
import type { PolicyContext } from "../rule.ts";
import { killSwitch } from "./kill-switch.ts";

const quiet: PolicyContext = {
  ...{ now_ms: 0, kill_switch: false, aup: "strict", zone: "supervised", grant: [], approvals: [], quotas: [] },
};

const on = { ...quiet, kill_switch: true };
const post: PolicyAction = { action_type: "api.call.mutating", host: "a.example", method: "POST" };

test("while the kill switch is on, every write to the outside is denied", () => {
  for (const action_type of [
    "api.call.mutating",
    "event.publish",
    "external.write",
    "email.send",
    "payment.execute",
  ] as const) {
    const [finding] = killSwitch.judge({ action_type }, on);
    assert.deepEqual([finding?.verdict, finding?.code], ["deny", "kill_switch_active"], action_type);
  }
});

test("no approval is stronger than the kill switch", () => {
  const approvals = [{ approval_id: "appr_1", scope: "once", action_type: "api.call.mutating" }] as const;
  assert.equal(killSwitch.judge(post, { ...on, approvals })[0]?.verdict, "deny");
});

test("it stops nothing that writes nothing outside, and nothing while it is off", () => {
  for (const action_type of ["file.read", "file.write", "model.generate", "api.call.idempotent"] as const) {
    assert.deepEqual(killSwitch.judge({ action_type }, on), [], action_type);
  }
  assert.deepEqual(killSwitch.judge(post, quiet), []);
});
