import assert from "node:assert/strict";
import { test } from "node:test";
import type { UpgradeManifest } from "../../generated/types.ts";
import { foundBy, unheard } from "../aup/assess.ts";
import type { PolicyContext } from "../rule.ts";
import { aup } from "./aup.ts";

const quiet: PolicyContext = {
  ...{ now_ms: 0, kill_switch: false, aup: "strict", zone: "supervised", grant: [], approvals: [], quotas: [] },
};

test("every text of an action is read, however deep", () => {
  const params = { body: { messages: [{ content: "Make a phishing kit" }] } };
  const [finding] = aup.judge({ action_type: "api.call.mutating", params }, quiet);
  assert.deepEqual([finding?.verdict, finding?.code], ["deny", "aup_fraud"]);
  assert.equal(finding?.details?.where, "/params/body/messages/0/content");
  assert.equal(aup.judge({ action_type: "model.generate", text: "How to build a bomb" }, quiet)[0]?.verdict, "deny");
});

test("a manifest that is to be installed is read whole", () => {
  const manifest: UpgradeManifest = {
    ...{ id: "a.b", version: "1.0.0", title: "Phishing kit", author: { npub: "npub1x" } },
    ...{ capabilities: { platforms: ["linux"], backends: [] }, schedule: { type: "manual" } },
    pipeline: [{ op: "fs.read", path: "/a" }],
  };
  const finding = aup.judge({ action_type: "upgrade.install" }, { ...quiet, manifest })[0];
  assert.deepEqual([finding?.verdict, finding?.details?.where], ["deny", "/title"]);
});

test("what a milder mode lets pass is still said", () => {
  const [finding] = aup.judge({ action_type: "model.generate", text: "solve captchas" }, { ...quiet, aup: "balanced" });
  assert.deepEqual([finding?.verdict, finding?.code], ["allow", "aup_prohibited_job_type"]);
});

test("innocent texts are no matter", () => {
  const params = { prompt: "Summarise what changed in Essex", path: "~/stock/contract.md" };
  assert.deepEqual(aup.judge({ action_type: "model.generate", params }, quiet), []);
});

test("what a model found in the same texts is said too, and only makes it stricter", () => {
  const fine = { action_type: "model.generate", text: "Summarise what changed" } as const;
  const found = foundBy("small", [{ category: "fraud", severity: "high", explanation: "a lure", where: "/text" }]);
  const [finding] = aup.judge(fine, { ...quiet, found });
  assert.deepEqual([finding?.verdict, finding?.code, finding?.message], ["deny", "aup_fraud", "a lure"]);
  assert.equal(aup.judge({ ...fine, text: "How to build a bomb" }, { ...quiet, found: [] })[0]?.verdict, "deny");
  const silent = aup.judge(fine, { ...quiet, aup: "permissive", found: unheard("small", "it is off") })[0];
  assert.deepEqual([silent?.verdict, silent?.code], ["deny", "aup_unclassified"]);
});
