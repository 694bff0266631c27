import assert from "node:assert/strict";
import { test } from "node:test";
import { reject } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { type WhyNotFacts, whyNot } from "./why-not.ts";

const manifest = {
  id: "a.b",
  version: "1.0.0",
  title: "Mini",
  author: { npub: "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul" },
  capabilities: { platforms: ["linux"], backends: [] },
  schedule: { type: "manual" },
  pipeline: [{ id: "ask", op: "http.request", url: "http://localhost:8080/a" }],
} as const satisfies UpgradeManifest;
const worker: WhyNotFacts["worker"] = {
  ...{ platform: "linux", os_release: "6.1", arch: "x64", node_version: "24.0.0", cpu_count: 4, ram_mb: 16_000 },
  ...{ disk_free_mb: 50_000, gpu: { present: null, name: null }, tools: { git: null }, sandbox: null, backends: [] },
};
const ask = (change: Partial<WhyNotFacts> & { readonly upgrade?: object } = {}) => {
  const { upgrade = {}, ...facts } = change;
  const its = { ...manifest, ...upgrade } as UpgradeManifest;
  return whyNot({
    ...{
      manifest: its,
      address: "30051:a:a.b",
      plan: planOf(its, {}, { home: "/home/me" }),
      worker,
      known: null,
      standing: null,
    },
    ...{
      unmeasured: [],
      private_allow: ["localhost:8080"],
      policy: { verdict: "allow", reasons: [] },
      code_packages: false,
    },
    ...facts,
  });
};
const subjects = (change: Parameters<typeof ask>[0]) => ask(change).obstacles.map(({ subject }) => subject);
const known = (change: object): InstallView =>
  ({
    install_id: "install_1",
    status: "enabled",
    yanked: null,
    takedown: null,
    ...{ updates: {}, set_aside: [], earlier: [] },
    active: { upgrade_version: "1.0.0" },
    ...change,
  }) as never;

test("nothing against it is yes, something unknown is maybe, something certain is no", () => {
  assert.equal(ask().verdict, "yes");
  const gpu = { capabilities: { ...manifest.capabilities, requires: { gpu: true } } };
  assert.equal(ask({ upgrade: gpu }).verdict, "maybe");
  assert.equal(ask({ upgrade: { capabilities: { platforms: ["macos"], backends: [] } } }).verdict, "no");
});

test("a schedule that asks for what no sensor can tell may wait in vain, which is said before the night", () => {
  const unmeasured = [
    { name: "plugged_in", required: true, measured: "unknown", met: "unknown", reason: "no power supply is listed" },
  ] as const;
  const { verdict, obstacles } = ask({ unmeasured, known: known({}) });
  assert.deepEqual([verdict, obstacles.map(({ subject }) => subject)], ["maybe", ["schedule"]]);
  assert.match(obstacles[0]?.message ?? "", /asks for plugged_in, which this machine cannot tell \(no power supply/);
  assert.match(obstacles[0]?.fix ?? "", /oa schedule set install_1 --on-unknown run, or --set plugged_in=none/);
  // What is not installed has no schedule to set.
  assert.match(ask({ unmeasured }).obstacles[0]?.fix ?? "", /^oa install \S+ --on-unknown run$/);
});

test("a missing input is a reason beside all others, with the option that gives it", () => {
  const upgrade = { inputs: { repo: { type: "path" } }, capabilities: { platforms: ["macos"], backends: [] } };
  const { obstacles } = ask({ upgrade });
  assert.deepEqual(
    obstacles.map(({ subject }) => subject),
    ["platform", "input"],
  );
  assert.match(obstacles[1]?.fix ?? "", /--input repo=/);
});

test("a host inside the owner's own network needs the owner's settings", () => {
  assert.deepEqual(subjects({ private_allow: [] }), ["host"]);
  assert.deepEqual(subjects({ private_allow: ["localhost:8081"] }), ["host"]);
});

test("a program that an upgrade brings needs the owner's settings and a sandbox", () => {
  const artifact = { url: "https://author.example/a.wasm", sha256: "0".repeat(64), bytes: 1 };
  const upgrade = {
    pipeline: [{ op: "code.run", ...artifact }],
    artifacts: [{ type: "wasi", ...artifact }],
  } as unknown as Partial<UpgradeManifest>;
  const { obstacles } = ask({ upgrade });
  assert.deepEqual(
    obstacles.map(({ subject, needs }) => [subject, needs]),
    [
      ["policy", "code_packages"],
      ["tool", "a sandbox"],
    ],
  );
  assert.deepEqual(subjects({ upgrade, code_packages: true }), ["tool"]);
});

test("a release that was taken back, an older version and a disabled install are reasons", () => {
  const yanked = { reason: "leaks", yank_event_id: "a", at: "2026-01-01T00:00:00Z" };
  assert.deepEqual(subjects({ known: known({ status: "yanked", yanked }) }), ["version"]);
  assert.deepEqual(subjects({ known: known({ active: { upgrade_version: "1.1.0" } }) }), ["version"]);
  assert.deepEqual(subjects({ known: known({ status: "disabled" }) }), ["install"]);
  assert.deepEqual(subjects({ known: known({}) }), []);
});

test("what a moderator stopped is not called disabled: its way out is an override", () => {
  const takedown = { action: "take_down", why: "was taken down", blocks: true, overridden: false } as never;
  const { obstacles } = ask({ known: known({ status: "disabled", takedown }) });
  assert.deepEqual(
    obstacles.map(({ subject, has }) => [subject, has]),
    [["install", "listing_taken_down"]],
  );
  assert.match(obstacles[0]?.fix ?? "", /oa installs override install_1 --reason/);
});

test("a pin, a rollback and what was taken away are reasons, each with what ends it", () => {
  const { obstacles } = ask({ known: known({ active: { upgrade_version: "0.9.0" }, updates: { pinned: true } }) });
  assert.deepEqual(
    obstacles.map(({ subject, fix }) => [subject, fix]),
    [["version", "oa installs unpin install_1"]],
  );
  const aside = { active: { upgrade_version: "0.9.0" }, set_aside: [{ upgrade_version: "1.0.0" }] };
  assert.equal(ask({ known: known(aside) }).verdict, "maybe");
  const earlier = { active: { upgrade_version: "1.1.0" }, earlier: [{ upgrade_version: "1.0.0" }] };
  assert.match(ask({ known: known(earlier) }).obstacles[0]?.fix ?? "", /oa rollback install_1 --to 1.0.0/);
  const standing = reject("permission_revoked", "it needs a, which you took away with b; give it back with: …");
  assert.deepEqual(subjects({ known: known({}), standing }), ["install"]);
  const other = known({ active: { upgrade_version: "0.9.0" } });
  assert.deepEqual(subjects({ known: other, standing }), []);
});

test("what drifted from what was approved says so, with the way to approve it again", () => {
  const standing = reject("permission_hash_mismatch", "it now needs other permissions than were approved");
  const { obstacles } = ask({ known: known({}), standing });
  assert.match(obstacles[0]?.fix ?? "", /^oa install 30051:/);
});

test("what is not paid for, or has used up its quotas, says so with what ends that", () => {
  const fixOf = (code: "licence_missing" | "licence_unproven" | "quota_exceeded"): string =>
    ask({ known: known({}), standing: reject(code, "as the gate says it") }).obstacles[0]?.fix ?? "";
  assert.equal(fixOf("licence_missing"), "oa receipt add FILE");
  assert.equal(fixOf("licence_unproven"), "oa receipt add FILE --online");
  assert.match(fixOf("quota_exceeded"), /raise quotas/);
});

test("a secret that is not there, is bound elsewhere or cannot be looked at is a reason, with what puts it right", () => {
  const upgrade = { pipeline: [{ ...manifest.pipeline[0], headers: { a: "${secrets.TOKEN}" } }] };
  const vault = (status: "open" | "locked", hosts: readonly string[] | null) => {
    const secret = { name: "TOKEN", value: "", hosts: hosts ?? [], set_at: "" };
    return { status: () => status, get: () => (hosts === null ? undefined : secret) };
  };
  const said = (of: ReturnType<typeof vault>) =>
    ask({ upgrade, vault: of }).obstacles.map(({ subject, fix }) => [subject, fix]);
  const set = [["secret", "oa secrets set TOKEN --host localhost:8080"]];
  assert.deepEqual(said(vault("open", null)), set);
  assert.deepEqual(said(vault("open", ["api.example.com"])), set);
  assert.deepEqual(said(vault("locked", null)), [["secret", "oa secrets unlock"]]);
  assert.equal(ask({ upgrade, vault: vault("locked", null) }).verdict, "maybe");
  assert.deepEqual(said(vault("open", ["localhost:8080"])), []);
});
