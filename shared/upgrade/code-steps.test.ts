import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestHash } from "../core/manifest-hash.ts";
import { isRejection } from "../core/refusal.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { refuseCode, refuseUnsignedCode, sandboxSentence } from "./code-steps.ts";
import { planOf } from "./plan.ts";
import { validateManifest } from "./validate.ts";

const program = {
  url: "https://author.example/summary-1.2.0.wasm",
  sha256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
  bytes: 48_213,
};
function upgrade(step: object = {}, artifact: object = {}): UpgradeManifest {
  return {
    id: "author.summary",
    version: "1.2.0",
    title: "Summary",
    author: { npub: "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6" },
    capabilities: { platforms: ["macos", "linux"], backends: [] },
    schedule: { type: "manual" },
    artifacts: [{ type: "wasi", ...program, ...artifact }],
    pipeline: [{ op: "code.run", ...program, read: ["~/Notes"], write: ["~/Reports"], ...step }],
  } as UpgradeManifest;
}
const codes = (manifest: UpgradeManifest) => validateManifest(manifest).errors.map(({ code }) => code);

test("a program needs to start programs, its host, and the folders it names, and nothing else", () => {
  assert.deepEqual(validateManifest(upgrade()).permissions, [
    "filesystem:read:~/Notes/**",
    "filesystem:read:~/Reports/**",
    "filesystem:write:~/Reports/**",
    "network:egress:author.example",
    "process:spawn",
    "tool:invoke:code.run",
  ]);
});

test("a program must be among the manifest's artifacts, to the byte", () => {
  assert.deepEqual(codes(upgrade()), []);
  assert.deepEqual(codes(upgrade({}, { sha256: "0".repeat(64) })), ["artifact_unpinned"]);
  assert.deepEqual(codes(upgrade({}, { bytes: 1 })), ["artifact_unpinned"]);
  assert.deepEqual(codes(upgrade({}, { url: "https://author.example/other.wasm" })), ["artifact_unpinned"]);
  assert.deepEqual(codes(upgrade({}, { type: "doc" })), ["artifact_unpinned"]);
  assert.deepEqual(codes(upgrade({ kind: "macos_plugin" })), ["artifact_unpinned"]);
  assert.deepEqual(codes(upgrade({ kind: "macos_plugin" }, { type: "macos_plugin" })), []);
});

test("no input can put another program in its place", () => {
  const manifest = { ...upgrade({ url: "${inputs.from}" }), inputs: { from: { type: "string" as const } } };
  assert.ok(codes(manifest as UpgradeManifest).includes("artifact_unpinned"));
});

test("a program runs only under the signature that was approved", () => {
  const manifest = upgrade();
  const pins = { manifest_event_id: "a".repeat(64), manifest_sha256: manifestHash(manifest) };
  assert.equal(refuseUnsignedCode(manifest, pins), null);
  assert.equal(refuseUnsignedCode(manifest, { ...pins, manifest_event_id: null })?.code, "unsigned_manifest");
  const swapped = upgrade({ sha256: "0".repeat(64) }, { sha256: "0".repeat(64) });
  assert.equal(refuseUnsignedCode(swapped, pins)?.code, "manifest_hash_mismatch");
  const plain = { ...manifest, pipeline: [{ op: "fs.read", path: "~/a" }] } as unknown as UpgradeManifest;
  assert.equal(refuseUnsignedCode(plain, { ...pins, manifest_event_id: null }), null, "an upgrade without a program");
});

test("a program is refused while the owner's settings do not let it, and says which setting", () => {
  const refused = refuseCode(upgrade(), { code_packages: false });
  assert.equal(refused?.code, "code_packages_off");
  assert.match(refused?.message ?? "", /code_packages to true/);
  assert.equal(refuseCode(upgrade(), { code_packages: true }), null);
  const plain = { ...upgrade(), pipeline: [{ op: "fs.read", path: "~/a" }] } as unknown as UpgradeManifest;
  assert.equal(refuseCode(plain, { code_packages: false }), null);
});

test("consent says what the programs it starts are kept in, where it starts any", () => {
  assert.match(
    sandboxSentence(upgrade(), { name: "bubblewrap", missing: null }) ?? "",
    /only what is granted.*bubblewrap/,
  );
  const none = sandboxSentence(upgrade(), { name: "none", missing: "bwrap is not installed" }) ?? "";
  assert.match(none, /without a sandbox.*bwrap is not installed/);
  const plain = { pipeline: [{ op: "fs.read", path: "~/a" }] } as unknown as UpgradeManifest;
  assert.equal(sandboxSentence(plain, { name: "none", missing: "x" }), null);
});

test("the step is planned with the program as it was signed", () => {
  const plan = planOf(upgrade(), {}, { home: "/home/a" });
  assert.ok(!isRejection(plan));
  assert.deepEqual([plan.steps[0]?.params.sha256, plan.steps[0]?.effect], [program.sha256, "local_write"]);
});
