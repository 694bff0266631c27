import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { belowOwnState } from "../core/own-state.ts";
import { permits } from "../core/permission.ts";
import { isRejection } from "../core/refusal.ts";
import { formatReference, parseTemplate, resolveWiring } from "../core/wiring.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { diffPermissions, sentenceOf } from "./consent.ts";
import { planOf } from "./plan.ts";
import { performedNeeds } from "./use.ts";
import { validateManifest } from "./validate.ts";

const base: UpgradeManifest = {
  id: "example.state",
  version: "1.0.0",
  title: "Keeps state",
  author: { npub: "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul" },
  capabilities: { platforms: ["linux", "macos"], backends: [] },
  permissions: { tools: ["fs.read", "fs.write"], state_mb: 16 },
  schedule: { type: "manual" },
  pipeline: [
    { id: "before", op: "fs.read", path: "${install.state}/memory.json", if_missing: "{}" },
    { id: "after", op: "fs.write", path: "${install.state}/runs/${run.id}.json", content: "${steps.before.content}" },
  ],
};
const codes = (pipeline: UpgradeManifest["pipeline"]): readonly string[] =>
  validateManifest({ ...base, pipeline }).errors.map(({ code }) => code);

describe("the state that an upgrade keeps for itself", () => {
  it("is one permission of its own and none of the owner's files, and is said in a plain sentence", () => {
    const { errors, over_ask, under_ask, permissions } = validateManifest(base);
    assert.deepEqual([errors, over_ask, under_ask], [[], [], []]);
    assert.deepEqual(permissions, ["state:keep:1", "tool:invoke:fs.read", "tool:invoke:fs.write"]);
    const plan = planOf(base, {}, { home: "/home/me" });
    assert.ok(!isRejection(plan));
    assert.deepEqual(plan.permissions, ["state:keep:16", "tool:invoke:fs.read", "tool:invoke:fs.write"]);
    assert.equal(
      sentenceOf("state:keep:16"),
      "Keep its own state on this computer (up to 16 MB), which no other upgrade can read.",
    );
  });

  it("is under-asked where it is not declared, and over-asked where nothing uses it", () => {
    const silent = validateManifest({ ...base, permissions: { tools: ["fs.read", "fs.write"] } });
    assert.deepEqual(silent.under_ask, ["state:keep:1"]);
    const idle = validateManifest({
      ...base,
      permissions: { filesystem: ["~/a.txt"], tools: ["fs.read"], state_mb: 16 },
      pipeline: [{ op: "fs.read", path: "~/a.txt" }],
    });
    assert.ok(idle.over_ask.includes("state:keep:16"));
  });

  it("asks again when it may grow, and not when it may only shrink", () => {
    assert.deepEqual(diffPermissions(["state:keep:16"], ["state:keep:64"]).widened, ["state:keep:64"]);
    assert.deepEqual(diffPermissions(["state:keep:64"], ["state:keep:16"]).widened, []);
    assert.ok(permits(["state:keep:16"], "state:keep:1"));
    for (const granted of [[], ["state:keep:8"], ["state:keep:x"], ["filesystem:write:/**"]]) {
      assert.ok(!permits(granted, "state:keep:16"), String(granted));
    }
  });

  it("begins the path of a file or a folder, and stands nowhere else", () => {
    const fits: readonly UpgradeManifest["pipeline"][number][] = [
      { op: "fs.read", path: "${install.state}" },
      { op: "searchkit.index", path: "${install.state}/notes", index: "notes" },
      { op: "git.clone", repo: "https://example.com/a.git", dest: "${install.state}/clone" },
    ];
    for (const step of fits) assert.deepEqual(codes([step]), [], JSON.stringify(step));
    const misplaced: readonly UpgradeManifest["pipeline"][number][] = [
      { op: "fs.read", path: "~/${install.state}" },
      { op: "fs.read", path: "${install.state}x" },
      { op: "fs.read", path: "${install.state}/a/${install.state}" },
      { op: "fs.write", path: "~/a.txt", content: "${install.state}" },
      { op: "http.request", url: "https://example.com/${install.state}" },
      { op: "model.generate", backend: "ollama", prompt: "${install.state}", max_tokens: 5 },
      { op: "git.clone", repo: "${install.state}/clone", dest: "~/clone" },
      { op: "searchkit.query", index: "a", query: "${install.state}" },
    ];
    for (const step of misplaced) assert.ok(codes([step]).includes("state_misplaced"), JSON.stringify(step));
    for (const path of ["${install.state}/../x", "${install.state}/a/../../b", "${install.state}/a\u0007"]) {
      assert.deepEqual(codes([{ op: "fs.read", path }]), ["path_unsafe"], path);
    }
    for (const path of ["${install.data}", "${install}", "${install.state.x}"]) {
      assert.deepEqual(codes([{ op: "fs.read", path }]), ["reference_invalid"], path);
    }
  });

  it("is not what permissions, triggers or inputs may name", () => {
    const filesystem = ["${install.state}/**"];
    const declared = validateManifest({ ...base, permissions: { ...base.permissions, filesystem } });
    assert.deepEqual(
      declared.errors.map(({ code }) => code),
      ["reference_unknown"],
    );
    const watching = { ...base, triggers: [{ type: "file_change", glob: "${install.state}/**" }] };
    assert.deepEqual(
      validateManifest(watching).errors.map(({ code }) => code),
      ["reference_unknown"],
    );
  });

  it("is a name in what steps are performed with, and needs the same permission there", () => {
    const scope = { inputs: {}, steps: new Map(), run: { id: "run_1" } };
    const path = resolveWiring("${install.state}/a/${run.id}.json", scope);
    assert.equal(path, "state:/a/run_1.json");
    assert.deepEqual(performedNeeds({ op: "fs.read", params: { path } }, "/home/me"), [
      "state:keep:1",
      "tool:invoke:fs.read",
    ]);
    for (const odd of ["state:/../x", "state:/a/../../b"]) {
      assert.ok(!performedNeeds({ op: "fs.read", params: { path: odd } }, "/home/me").includes("state:keep:1"), odd);
    }
    const parts = parseTemplate("${install.state}/x");
    assert.ok(!isRejection(parts));
    assert.equal(typeof parts[0] === "object" && formatReference(parts[0]), "${install.state}");
  });

  it("is told from every other path", () => {
    assert.deepEqual(["state:", "state:/", "state:/a"].map(belowOwnState), ["", "/", "/a"]);
    for (const path of ["state", "state:a", "/state:/a", "~/state:/a", "State:/a", ""]) {
      assert.equal(belowOwnState(path), null, path);
    }
  });
});
