import assert from "node:assert/strict";
import { test } from "node:test";
import type { UpgradeManifest } from "../generated/types.ts";
import { obstaclesOf, type WorkerCapabilities } from "./compatibility.ts";
import type { PlannedStep } from "./plan.ts";

const worker: WorkerCapabilities = {
  platform: "linux",
  os_release: "6.1",
  arch: "x64",
  node_version: "24.0.0",
  cpu_count: 4,
  ram_mb: 16_000,
  disk_free_mb: 50_000,
  gpu: { present: null, name: null },
  tools: { git: "2.39.5" },
  sandbox: null,
  backends: [
    { backend: "lexical-v1", available: true, reason: "built in" },
    { backend: "ollama", available: false, reason: "start ollama" },
    { backend: "mlx", available: false, reason: "set its address" },
  ],
};
const found = (
  capabilities: object,
  more: object = {},
  here: Partial<WorkerCapabilities> = {},
  steps: readonly object[] | null = [],
) =>
  obstaclesOf(
    {
      capabilities: { platforms: ["linux"], backends: [], ...capabilities },
      pipeline: [{ op: "fs.read" }],
      ...more,
    } as unknown as UpgradeManifest,
    steps as readonly PlannedStep[] | null,
    { ...worker, ...here },
  ).map(({ subject, certain }) => (certain ? subject : `${subject}?`));

test("a worker that has everything is told of nothing", () => {
  assert.deepEqual(found({ backends: ["lexical-v1"], requires: { disk_mb: 50_000, ram_mb: 16_000, gpu: false } }), []);
});

test("every reason is said, not only the first", () => {
  const all = { platforms: ["macos"], backends: ["mlx"], requires: { disk_mb: 60_000, ram_mb: 17_000, gpu: true } };
  const clone = { pipeline: [{ op: "git.clone" }] };
  assert.deepEqual(found(all, clone, { tools: { git: null }, gpu: { present: false, name: null } }), [
    "platform",
    "tool",
    "backend",
    "disk",
    "ram",
    "gpu",
  ]);
});

test("what cannot be measured is unknown, neither there nor missing", () => {
  assert.deepEqual(found({ requires: { gpu: true } }), ["gpu?"]);
  assert.deepEqual(found({ requires: { disk_mb: 1 } }, {}, { disk_free_mb: null }), ["disk?"]);
  assert.deepEqual(found({ requires: { gpu: true } }, {}, { gpu: { present: true, name: "x" } }), []);
});

test("of the backends an upgrade can use, one is enough; of those its steps name, every one is needed", () => {
  assert.deepEqual(found({ backends: ["mlx", "lexical-v1"] }), []);
  assert.deepEqual(found({ backends: ["mlx", "ollama"] }), ["backend", "backend"]);
  const named = [{ params: { backend: "mlx" } }, { params: { backend: "lexical-v1" } }];
  assert.deepEqual(found({ backends: ["mlx", "lexical-v1"] }, {}, {}, named), ["backend"]);
  assert.deepEqual(found({ backends: ["lexical-v1"] }, {}, {}, [{ params: { backend: "${inputs.backend}" } }]), []);
});

test("a program that no step starts is not asked for", () => {
  assert.deepEqual(found({}, {}, { tools: { git: null } }), []);
});

test("a disk that is nearly full stops every upgrade", () => {
  assert.deepEqual(found({}, {}, { disk_free_mb: 10 }), ["disk"]);
});

test("each reason says what would fix it", () => {
  const [platform] = obstaclesOf(
    { capabilities: { platforms: ["macos"], backends: [] }, pipeline: [] } as unknown as UpgradeManifest,
    null,
    worker,
  );
  assert.match(platform?.message ?? "", /macos.*linux/);
  assert.match(platform?.fix ?? "", /macos/);
});
