import assert from "node:assert/strict";
import { test } from "node:test";
import { isRejection } from "../core/refusal.ts";
import { resolveWiring } from "../core/wiring.ts";
import type { InputValue, UpgradeManifest } from "../generated/types.ts";
import { diffPermissions, sentenceOf } from "./consent.ts";
import { type Plan, planOf } from "./plan.ts";
import { validateManifest } from "./validate.ts";

const NPUB = "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul";

function manifestWith(change: object): UpgradeManifest {
  const report = validateManifest({
    id: "a.b",
    version: "1.0.0",
    title: "Mini",
    author: { npub: NPUB },
    capabilities: { platforms: ["macos"], backends: [] },
    schedule: { type: "manual" },
    ...change,
  });
  assert.ok(report.manifest !== null, JSON.stringify(report.errors));
  return report.manifest;
}

const clone = manifestWith({
  permissions: { filesystem: ["${inputs.dest}/**"], network: ["${inputs.repo}"] },
  inputs: {
    repo: { type: "string" },
    dest: { type: "path", default: "~/clone" },
    text: { type: "string", default: "-" },
  },
  pipeline: [
    {
      op: "git.clone",
      id: "c",
      repo: "${inputs.repo}",
      dest: "${inputs.dest}",
      timeout_ms: 5,
      retry: { max_attempts: 1 },
    },
    { op: "fs.write", path: "${inputs.dest}/${run.id}", content: "${inputs.text} at ${steps.c.commit}" },
  ],
});
const planned = (manifest: UpgradeManifest, inputs: Readonly<Record<string, InputValue>>): Plan => {
  const plan = planOf(manifest, inputs, { home: "/home/me" });
  assert.ok(!isRejection(plan), JSON.stringify(plan));
  return plan;
};
const refused = (manifest: UpgradeManifest, inputs: Readonly<Record<string, InputValue>>): string => {
  const plan = planOf(manifest, inputs, { home: "/home/me" });
  assert.ok(isRejection(plan));
  return plan.code;
};

test("a plan has each step with its inputs filled in and the op's own settings where the step has none", () => {
  const { steps } = planned(clone, { repo: "https://github.com/a/b" });
  assert.deepEqual(steps[0], {
    id: "c",
    op: "git.clone",
    params: { repo: "https://github.com/a/b", dest: "~/clone" },
    timeout_ms: 5,
    retry: { max_attempts: 1, backoff_ms: 2000 },
    effect: "local_write",
  });
  assert.equal(steps[1]?.id, "step_2");
});

test("the permissions follow the actual inputs: a URL needs its host, a folder needs to be read", () => {
  const tools = ["tool:invoke:fs.write", "tool:invoke:git.clone"];
  const files = ["filesystem:read:~/clone/**", "filesystem:write:~/clone/**"];
  assert.deepEqual(planned(clone, { repo: "https://github.com/a/b" }).permissions, [
    ...files,
    "network:egress:github.com",
    ...tools,
  ]);
  const local = planned(clone, { repo: "/srv/r" });
  assert.deepEqual(local.permissions, ["filesystem:read:/srv/r/**", ...files, ...tools]);
  assert.deepEqual(local.grant.slice(0, 3), [
    "filesystem:read:/home/me/clone/**",
    "filesystem:read:/srv/r/**",
    "filesystem:write:/home/me/clone/**",
  ]);
});

test("an input that looks like a reference stays the text it is", () => {
  const { steps } = planned(clone, { repo: "/r", text: "${run.id}" });
  const scope = { inputs: {}, steps: new Map([["c", { commit: "abc" }]]), run: { id: "run_1" } };
  assert.equal(resolveWiring(steps[1]?.params.content ?? null, scope), "${run.id} at abc");
});

test("inputs that are unknown, missing, of the wrong type or unsafe are refused", () => {
  assert.equal(refused(clone, { repo: "/r", nope: 1 }), "input_unknown");
  assert.equal(refused(clone, {}), "input_missing");
  assert.equal(refused(clone, { repo: 5 }), "input_invalid");
  assert.equal(refused(clone, { repo: "/r", dest: "~/../x" }), "input_invalid");
  assert.equal(refused(clone, { repo: "../r" }), "path_unsafe");
  assert.equal(refused(clone, { repo: "https://exa mple/" }), "host_invalid");
  assert.equal(refused(clone, { repo: "" }), "params_invalid");
});

test("the effect of a request is that of its method, and the stronger one while that is unknown", () => {
  const effect = (method: object): string | undefined =>
    planned(
      manifestWith({
        pipeline: [
          { op: "fs.read", path: "/m" },
          { op: "http.request", url: "https://a.com/", ...method },
        ],
      }),
      {},
    ).steps[1]?.effect;
  assert.equal(effect({}), "read");
  assert.equal(effect({ method: "HEAD" }), "read");
  assert.equal(effect({ method: "POST" }), "external_write");
  assert.equal(effect({ method: "${steps.step_1.content}" }), "external_write");
});

test("what only a result will say grants nothing by itself", () => {
  const dynamic = manifestWith({
    pipeline: [
      { op: "fs.read", path: "/u" },
      { op: "http.request", url: "${steps.step_1.content}" },
    ],
  });
  assert.deepEqual(planned(dynamic, {}).permissions, [
    "filesystem:read:/u",
    "tool:invoke:fs.read",
    "tool:invoke:http.request",
  ]);
});

test("glob characters in an input stand for themselves", () => {
  const { permissions } = planned(clone, { repo: "/r", dest: "~/*" });
  assert.ok(permissions.includes("filesystem:write:~/\\*/**"));
});

test("a change of permissions is wider, narrower, or only written otherwise", () => {
  const diff = diffPermissions(
    ["filesystem:read:~/a/**", "network:egress:a.com"],
    ["filesystem:read:~/a/b/**", "network:egress:b.com"],
  );
  assert.deepEqual(diff.widened, ["network:egress:b.com"]);
  assert.deepEqual(diff.narrowed, ["filesystem:read:~/a/**", "network:egress:a.com"]);
  assert.deepEqual(diffPermissions(["process:spawn"], ["process:spawn"]), {
    widened: [],
    narrowed: [],
    changed: false,
  });
  assert.equal(
    diffPermissions(["filesystem:read:/a/{b,c}"], ["filesystem:read:/a/b", "filesystem:read:/a/c"]).changed,
    true,
  );
});

test("every permission has a plain sentence, and the widest ones say so", () => {
  for (const permission of [
    "filesystem:read:~/x",
    "filesystem:write:/a/*.md",
    "network:egress:*.a.com",
    "tool:invoke:git.clone",
    "tool:invoke:x/y",
    "event:publish:1",
    "env:read:A",
    "wallet:spend:5/run",
    "process:spawn",
    "odd",
  ]) {
    assert.match(sentenceOf(permission), /^[A-Z].*\.$/, permission);
  }
  assert.match(sentenceOf("filesystem:write:~/**"), /EVERYTHING in your home folder/);
});

test("triggers come with inputs and home folder filled in; an input cannot widen what is watched", () => {
  const manifest = manifestWith({
    permissions: { filesystem: ["~/src/**"] },
    inputs: { where: { type: "path" } },
    triggers: [
      { type: "file_change", glob: "${inputs.where}/**.ts" },
      { type: "nostr_event", kinds: [1], filter: { "#t": ["go"] } },
    ],
    pipeline: [{ op: "fs.read", path: "~/src/a" }],
  });
  assert.deepEqual(planned(manifest, { where: "~/src" }).triggers, [
    { type: "file_change", glob: "/home/me/src/**.ts" },
    { type: "nostr_event", filter: { kinds: [1], "#t": ["go"] } },
  ]);
  assert.equal(refused(manifest, { where: "~" }), "trigger_not_granted");
  // A wildcard in an input is a character like any other.
  assert.deepEqual(planned(manifest, { where: "~/src/**" }).triggers[0], {
    type: "file_change",
    glob: "/home/me/src/\\*\\*/**.ts",
  });
});
