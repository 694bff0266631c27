import assert from "node:assert/strict";
import { test } from "node:test";
import { refuseOwnPublish } from "./own-publish.ts";

const context = { kill_switch: false, aup: "strict", now_ms: 1_766_000_000_000 } as const;

test("what the owner asks to be published is published", () => {
  assert.equal(refuseOwnPublish(30054, "owner/rate", context), null);
});

test("the kill switch stops it, whoever asked", () => {
  assert.equal(
    refuseOwnPublish(1985, "setting/attest_runs", { ...context, kill_switch: true })?.code,
    "kill_switch_active",
  );
});
