import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyAction } from "../../generated/types.ts";
import type { PolicyContext } from "../rule.ts";
import { externalWrite } from "./external-write.ts";

const quiet: PolicyContext = {
  ...{ now_ms: 0, kill_switch: false, aup: "strict", zone: "supervised", grant: [], approvals: [], quotas: [] },
};

const post: PolicyAction = { action_type: "api.call.mutating", host: "hooks.example.com", method: "POST" };

test("a write to the outside needs approval, and says where it goes", () => {
  const [finding] = externalWrite.judge(post, quiet);
  assert.deepEqual([finding?.verdict, finding?.code], ["require_approval", "external_write_requires_approval"]);
  assert.match(finding?.message ?? "", /network:egress:hooks\.example\.com/);
});

test("an approval that covers it allows it and is named", () => {
  const approvals = [{ approval_id: "appr_1", scope: "once", targets: ["network:egress:hooks.example.com"] }] as const;
  const [finding] = externalWrite.judge(post, { ...quiet, approvals });
  assert.deepEqual([finding?.verdict, finding?.code], ["allow", "approval_allows_action"]);
  assert.match(finding?.message ?? "", /appr_1/);
});

test("an approval of something else, or one that is over, changes nothing", () => {
  const elsewhere = { approval_id: "a", scope: "once", targets: ["network:egress:other.example"] } as const;
  const over = { approval_id: "b", scope: "once", method: "POST", expires_at: 10 } as const;
  const empty = { approval_id: "c", scope: "once" } as const;
  for (const approval of [elsewhere, over, empty]) {
    const [finding] = externalWrite.judge(post, { ...quiet, now_ms: 10_000, approvals: [approval] });
    assert.equal(finding?.verdict, "require_approval", approval.approval_id);
  }
});

test("reading outside and writing inside need none", () => {
  for (const action_type of ["api.call.idempotent", "file.write", "file.read"] as const) {
    assert.deepEqual(externalWrite.judge({ action_type }, quiet), [], action_type);
  }
});
