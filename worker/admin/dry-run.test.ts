import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import { type DryRunOptions, dryRun } from "./dry-run.ts";

const home = mkdtempSync(join(tmpdir(), "oa-dry-"));
after(() => rmSync(home, { recursive: true }));
for (const folder of ["notes", "notes/deep", "outside"]) mkdirSync(join(home, folder));
writeFileSync(join(home, "notes/a.md"), "12345");
writeFileSync(join(home, "notes/deep/b.md"), "123");
writeFileSync(join(home, "notes/c.txt"), "1");
writeFileSync(join(home, "outside/secret.md"), "1234567");
symlinkSync(join(home, "outside"), join(home, "notes/link"));
writeFileSync(join(home, "out.md"), "old");

const options: DryRunOptions = {
  home,
  time_zone: "UTC",
  now_ms: Date.UTC(2026, 0, 1),
  backends: async () => [
    { backend: "lexical-v1", available: true, reason: "built in" },
    { backend: "ollama", available: false, reason: "does not answer" },
  ],
  signal: new AbortController().signal,
};

async function dry(changes: object, more: Partial<DryRunOptions> = {}) {
  const manifest = {
    id: "a.b",
    version: "1.0.0",
    title: "Mini",
    author: { npub: "npub1rwzv24nmzfjypx2a8m264ws9vht3uxp5vpypnluuzl67n4waq78suk0wul" },
    capabilities: { platforms: ["macos", "linux"], backends: [] },
    schedule: { type: "manual" },
    pipeline: [{ id: "read", op: "fs.read", path: "~/notes/a.md" }],
    ...changes,
  } as unknown as UpgradeManifest;
  const plan = planOf(manifest, {}, { home });
  assert.ok(!isRejection(plan), JSON.stringify(plan));
  return dryRun({ manifest, address: null }, plan, { ...options, ...more });
}
const grants = (...filesystem: readonly object[]): object => ({ permissions: { filesystem } });

test("reads and writes are counted with their sizes, and nothing is changed", async () => {
  const listed = readdirSync(home, { recursive: true });
  const write = { id: "write", op: "fs.write", path: "~/out.md", content: "x" };
  const { reads, writes } = await dry({ pipeline: [{ op: "fs.read", path: "~/notes/a.md" }, write] });
  assert.deepEqual(reads, [{ glob: `${home}/notes/a.md`, exists: true, files: 1, bytes: 5, complete: true }]);
  assert.deepEqual(writes, [{ glob: `${home}/out.md`, exists: true, files: 1, bytes: 3, complete: true }]);
  assert.deepEqual(readdirSync(home, { recursive: true }), listed);
});

test("a pattern counts what it matches, through no link", async () => {
  const { reads } = await dry(grants({ path: "~/notes/**/*.md", access: "read" }));
  assert.deepEqual(
    reads.map(({ glob, files, bytes }) => [glob, files, bytes]),
    [[`${home}/notes/**/*.md`, 2, 8]],
  );
});

test("what is not there yet says so, and more than is looked at is not called complete", async () => {
  const { reads } = await dry(grants({ path: "~/none/**", access: "read" }));
  assert.ok(reads.some(({ glob, exists, files }) => glob.endsWith("/none/**") && !exists && files === 0));
  const bounded = await dry(grants({ path: "~/notes/**", access: "read" }), { files_max: 2 });
  assert.deepEqual([bounded.reads[0]?.files, bounded.reads[0]?.complete], [2, false]);
});

test("hosts, writes outside, models and whether they are there are named", async () => {
  const pipeline = [
    { id: "ask", op: "http.request", url: "https://api.example.com/a" },
    { id: "tell", op: "http.request", method: "POST", url: "https://hook.example.net/b", body: "x" },
    { id: "think", op: "model.generate", backend: "ollama", prompt: "hello", max_tokens: 10 },
  ];
  const plan = await dry({ pipeline, capabilities: { platforms: ["linux"], backends: ["ollama"] } });
  assert.deepEqual(plan.hosts, ["api.example.com", "hook.example.net"]);
  assert.deepEqual(plan.external_writes, [
    { step: "tell", op: "http.request", method: "POST", target: "https://hook.example.net/b" },
  ]);
  assert.deepEqual(
    plan.models.map(({ backend, available, reason }) => [backend, available, reason]),
    [["ollama", false, "does not answer"]],
  );
});

test("the next three starts are named, with the worst case of thirty days", async () => {
  const { schedule, cost } = await dry({
    schedule: { type: "cron", expression: "0 3 * * *", timezone: "UTC" },
    pricing: { model: "per-run", amount_sats: 2 },
    permissions: { spend: { sats: 5, period: "run" } },
  });
  assert.deepEqual(schedule.next, ["2026-01-01T03:00:00.000Z", "2026-01-02T03:00:00.000Z", "2026-01-03T03:00:00.000Z"]);
  assert.deepEqual(cost, { run_sats: 7, thirty_days_sats: 210, thirty_days_runs: 30 });
});
