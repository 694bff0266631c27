import assert from "node:assert/strict";
import { test } from "node:test";
import { runSentence } from "./run-words.ts";

test("a run that is held says by whom and why, and not that it is under way", () => {
  const run = { run_id: "run_1", status: "running", message: null };
  assert.equal(runSentence(run), "Run run_1 is under way.");
  const held = { ...run, paused_by: "machine", paused_reason: "plugged_in: on battery" } as const;
  assert.equal(runSentence(held), "Run run_1 is paused by the machine: plugged_in: on battery.");
  assert.equal(runSentence({ ...held, paused_by: null, paused_reason: null }), "Run run_1 is under way.");
});

test("a run that is over says how, with its message where it has one", () => {
  const failed = { run_id: "run_1", status: "failed", message: "the disk is full" };
  assert.equal(runSentence(failed), "Run run_1 failed: the disk is full.");
});
