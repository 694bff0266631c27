import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyContext } from "../rule.ts";
import { quarantine } from "./quarantine.ts";

const quiet: PolicyContext = {
  ...{ now_ms: 0, kill_switch: false, aup: "strict", zone: "supervised", grant: [], approvals: [], quotas: [] },
};

test("an install that is quarantined is denied even reading, and hears why", () => {
  const [finding] = quarantine.judge({ action_type: "file.read" }, { ...quiet, quarantine: "denied 3 times" });
  assert.deepEqual([finding?.verdict, finding?.code], ["deny", "install_quarantined"]);
  assert.match(finding?.message ?? "", /denied 3 times/);
});

test("an install that is not is none of its business", () => {
  assert.deepEqual(quarantine.judge({ action_type: "external.write" }, quiet), []);
  assert.deepEqual(quarantine.judge({ action_type: "external.write" }, { ...quiet, quarantine: null }), []);
});
