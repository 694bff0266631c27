/** What a run went through, and what the owner lets it use, from the command line. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { StepHistory } from "@oa/shared/run/steps.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { document, oa } from "./oa.ts";

const folder = mkdtempSync(join(tmpdir(), "oa-runs-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("a run's steps are shown with their attempts and waits; its caps are set and taken back", async () => {
  const data_dir = join(folder, "data");
  const env = { HOME: folder, TZ: "UTC" };
  const run = (...args: string[]) => oa([...args, "--data", data_dir, "--json"], env);
  const { public_key } = await loadOrCreateKey(data_dir, "author");
  const file = join(folder, "manifest.json");
  const step = { op: "fs.read", id: "read", path: "~/notes.txt" };
  writeFileSync(
    file,
    JSON.stringify({
      ...{ id: "test.upgrade.reader", version: "1.0.0", title: "Reader" },
      author: { npub: hexToNpub(public_key) },
      capabilities: { platforms: ["linux", "macos"], backends: [] },
      permissions: { filesystem: [{ path: "~/notes.txt", access: "read" }], tools: ["fs.read"] },
      schedule: { type: "manual" },
      pipeline: [step, { ...step, id: "again", path: "~/notes.txt", retry: { max_attempts: 1 } }],
    }),
  );
  writeFileSync(join(folder, "notes.txt"), "hello");
  const installed = await run("install", file, "--yes");
  assert.equal(installed.code, 0, installed.stdout);
  const { run_id } = document(await run("run", "reader")) as { run_id: string };
  const { steps } = document(await run("runs", run_id, "--steps")) as { steps: StepHistory[] };
  assert.deepEqual(
    steps.map(({ step_id, status, attempts }) => [step_id, status, attempts.map(({ outcome }) => outcome)]),
    [
      ["read", "succeeded", ["succeeded"]],
      ["again", "succeeded", ["succeeded"]],
    ],
  );
  assert.deepEqual(
    steps[0]?.waits.map(({ for: what }) => what),
    ["turn"],
  );
  const shown = await oa(["runs", run_id, "--steps", "--data", data_dir], env);
  assert.match(
    shown.stdout,
    /✓ read {2}fs\.read {2}succeeded\n {4}attempt 1 at .*: succeeded {2}\d+\.\d s\n {4}waited for turn from /,
  );
  // Who reads it in the morning sees why it ran, when by the clocks here, and for how long.
  const there = { ...env, TZ: "America/Chicago" };
  const listed = await oa(["runs", "--data", data_dir], there);
  assert.match(listed.stdout, /REASON +CREATED +TOOK\n.* 2\/2 +manual +[\d-]{10} [\d:]{8}-0[56]:00 +\d+\.\d s\n/);
  const one = await oa(["runs", run_id, "--data", data_dir], there);
  assert.match(one.stdout, /\n {2}started by you at [\d-]{10} [\d:]{8}-0[56]:00, took \d+\.\d s\n/);
  const near = await oa(["why", "raeder", "--data", data_dir], env);
  assert.match(near.stderr, /nothing called raeder is installed \(did you mean reader\?\); see oa installs/);
  const code = (text: Record<string, unknown>): string => (text as { error: { code: string } }).error.code;
  assert.equal(code(document(await run("runs", "run_none", "--steps"))), "not_found");
  assert.equal(code(document(await run("runs", "--steps"))), "usage");

  const capped = document(await run("installs", "caps", "reader", "--memory-mb", "512")) as { caps: unknown };
  assert.deepEqual(capped.caps, { memory_mb: 512 });
  assert.equal(code(document(await run("installs", "caps", "reader"))), "usage");
  assert.equal(code(document(await run("installs", "caps", "reader", "--memory-mb", "1"))), "usage");
  const back = document(await run("installs", "caps", "reader", "--default")) as { caps: unknown };
  assert.equal(back.caps, null);

  // Why a run failed stands at its step, and on stderr, once each.
  rmSync(join(folder, "notes.txt"));
  const failed = await oa(["run", "reader", "--data", data_dir], env);
  const why = /notes\.txt[^\n]*\([a-z_]+\)/g;
  assert.equal(failed.stdout.match(why)?.length, 1, failed.stdout);
  assert.equal(failed.stderr.match(why)?.length, 1, failed.stderr);
});
