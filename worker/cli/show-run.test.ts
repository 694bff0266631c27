import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunView } from "@oa/shared/run/views.ts";
import { showRun } from "./show-run.ts";

const at = "2026-03-08T08:00:00.000Z";
const run = (changes: object): RunView => ({
  ...{ run_id: "run_1", title: "Nightly", upgrade_version: "1.0.0", reason: "schedule", status: "running" },
  ...{ created_at: at, started_at: at, finished_at: null, paused_by: null, code: null, message: null },
  ...{ steps: [], artifacts: [] },
  ...(changes as RunView),
});

test("a run that is held is called paused, with who held it and why", () => {
  const text = showRun(run({ paused_by: "owner", paused_reason: "a call" }));
  assert.match(
    text,
    /^Nightly 1\.0\.0: paused {2}\(run_1\)\n {2}started by its schedule at .*\n {2}paused by you: a call$/,
  );
});

test("why a run ended is said once, where its step says it in more words too", () => {
  const step = { step_id: "read", op: "fs.read", status: "failed", attempt: 1, duration_ms: 90_000, code: "canceled" };
  const steps = [{ ...step, message: "the run was canceled: canceled by the owner" }];
  const ended = { status: "canceled", finished_at: "2026-03-08T08:01:30.000Z", message: "canceled by the owner" };
  const text = showRun(run({ ...ended, code: "canceled", steps }));
  assert.equal(text.match(/canceled by the owner/g)?.length, 1, text);
  assert.match(text, /, took 2 min\n/);
  assert.match(showRun(run({ ...ended, code: "canceled" })), /\n {2}canceled by the owner \(canceled\)$/);
});
