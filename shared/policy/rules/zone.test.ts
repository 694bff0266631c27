import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyAction } from "../../generated/types.ts";
import type { PolicyContext } from "../rule.ts";
import { zone } from "./zone.ts";

const quiet: PolicyContext = {
  ...{ now_ms: 0, kill_switch: false, aup: "strict", zone: "supervised", grant: [], approvals: [], quotas: [] },
};

const said = (action: PolicyAction, context: Partial<PolicyContext>) =>
  zone.judge(action, { ...quiet, ...context }).map(({ verdict, code }) => [verdict, code]);
const post: PolicyAction = { action_type: "api.call.mutating", step_id: "notify" };
const approvals = [{ approval_id: "appr_1", scope: "once", step_id: "notify" }] as const;

test("nothing leaves a sandbox, whatever was approved", () => {
  for (const action_type of ["api.call.idempotent", "api.call.mutating", "file.write", "program.start"] as const) {
    assert.deepEqual(said({ action_type, step_id: "notify" }, { zone: "sandbox", approvals }), [
      ["deny", "action_zone_mismatch"],
    ]);
  }
  for (const action_type of ["file.read", "model.generate", "artifact.create"] as const) {
    assert.deepEqual(said({ action_type }, { zone: "sandbox" }), []);
  }
});

test("in the supervised zone, what cannot be undone needs approval", () => {
  assert.deepEqual(said(post, {}), [["require_approval", "action_irreversible_requires_high_stakes"]]);
  assert.deepEqual(said(post, { approvals }), []);
  assert.deepEqual(said({ action_type: "api.call.idempotent" }, {}), []);
  assert.deepEqual(said({ action_type: "file.write" }, {}), []);
});

test("where much is at stake it is approved before it is done", () => {
  assert.deepEqual(said(post, { zone: "high_stakes" }), [["require_approval", "action_pre_approval_required"]]);
  assert.deepEqual(said(post, { zone: "high_stakes", approvals }), []);
});

test("an action may ask for less room than it has, never for more", () => {
  assert.deepEqual(said({ ...post, zone: "sandbox" }, { zone: "high_stakes" }), [["deny", "action_zone_mismatch"]]);
  assert.deepEqual(said({ action_type: "file.write", zone: "high_stakes" }, { zone: "sandbox" }), [
    ["deny", "action_zone_mismatch"],
  ]);
});
