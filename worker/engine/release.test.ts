import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { permissionHash } from "@oa/shared/core/permission.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { InstallPins, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { askedRelease, granted, type InstalledRelease, narrowed } from "@oa/shared/install/release.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { refuseDrift, refuseRevokedSteps, releaseToRun } from "./release.ts";

const home = "/home/me";
const manifest = {
  ...{ id: "a.b", version: "1.0.0", title: "Mini" },
  author: { npub: "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul" },
  capabilities: { platforms: ["linux"], backends: [] },
  schedule: { type: "manual" },
  pipeline: [{ id: "read", op: "fs.read", path: "~/notes/a.txt" }],
} as const satisfies UpgradeManifest;
const plan = planOf(manifest, {}, { home });
assert.ok(!isRejection(plan));
const { permissions, grant } = plan;
const pins = {
  ...{ upgrade_id: "a.b", upgrade_version: "1.0.0", permissions, manifest_sha256: manifestHash(manifest) },
  permission_hash: permissionHash(permissions),
} as unknown as InstallPins;
const release = (change: object = {}): InstalledRelease => ({
  ...granted(askedRelease(pins, []), grant),
  ...{ manifest, inputs: {}, ...change },
});
const read = permissions.find((one) => one.startsWith("filesystem:read")) ?? "";
const steps = plan.steps.map(({ id: step_id, op, params }) => ({ step_id, op, params }) as never);

test("what is kept exactly as it was approved may run", () => {
  assert.equal(refuseDrift(release(), plan), null);
});

test("another manifest than the one that was approved does not run, whatever it needs", () => {
  const drifted = refuseDrift(release({ manifest: { ...manifest, title: "Other" } }), plan);
  assert.equal(drifted?.code, "manifest_hash_mismatch");
});

test("other permissions than were approved do not run", () => {
  const wider = { ...plan, permissions: [...permissions, "network:egress:evil.example"] };
  assert.equal(refuseDrift(release(), wider)?.code, "permission_hash_mismatch");
});

test("what the owner took away is no drift, and is refused by name where a step is known to need it", () => {
  const less = narrowed(release(), [{ permission: read, granted: "filesystem:read:/home/me/notes/a.txt" }]);
  assert.equal(refuseDrift(less, plan), null);
  const refused = refuseRevokedSteps(steps, less, { home, install_id: "install_1" });
  assert.equal(refused?.code, "permission_revoked");
  assert.match(refused?.message ?? "", /^step read: /);
  assert.equal(refuseRevokedSteps(steps, release(), { home, install_id: "install_1" }), null);
});

test("a start by hand is of what was agreed to, one by the schedule of what is on trial", () => {
  const [active, candidate] = [release(), release()];
  const chosen = (reason: "manual" | "schedule", trial = false) =>
    releaseToRun({ active, candidate }, "install_1", { reason, trial }) as { release: unknown; trial: boolean };
  assert.deepEqual([chosen("manual").release === active, chosen("manual").trial], [true, false]);
  assert.deepEqual([chosen("schedule").release === candidate, chosen("schedule").trial], [true, true]);
  assert.equal(chosen("manual", true).release === candidate, true);
  const none = releaseToRun({ active, candidate: null }, "install_1", { reason: "manual", trial: true });
  assert.ok(isRejection(none) && none.code === "not_found");
  const waiting = releaseToRun({ active: null, candidate: null }, "install_1", { reason: "manual", trial: false });
  assert.ok(isRejection(waiting) && waiting.code === "approval_required");
});
