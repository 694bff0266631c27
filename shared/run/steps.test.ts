import assert from "node:assert/strict";
import { test } from "node:test";
import type { Recorded } from "../core/envelope.ts";
import type { ArtifactRef, RunEvent } from "../generated/types.ts";
import { stepHistories } from "./steps.ts";

const AT = Date.UTC(2026, 0, 1);
const iso = (s: number): string => new Date(AT + s * 1_000).toISOString();
/** Events of one run by second: only what the fold reads. */
const at = (s: number, event_type: string, data: object): Recorded<RunEvent> =>
  ({ event_type, data, occurred_at: iso(s), subject_id: "run_1" }) as unknown as Recorded<RunEvent>;
const created = at(0, "run.created", {
  steps: [
    { step_id: "fetch", op: "http.request" },
    { step_id: "write", op: "fs.write" },
  ],
});
const ARTIFACT: ArtifactRef = {
  artifact_id: "art_1",
  name: "digest.md",
  media_type: "text/markdown",
  bytes: 3,
  sha256: "a".repeat(64),
};

test("a step tells its attempts, its waits and what it gave", () => {
  const [fetch, write] = stepHistories([
    created,
    at(4, "step.started", { step_id: "fetch", attempt: 1 }),
    at(6, "step.failed", { step_id: "fetch", attempt: 1, code: "timeout", message: "slow", retry_at_ms: AT + 9_000 }),
    at(9, "step.started", { step_id: "fetch", attempt: 2 }),
    at(10, "step.succeeded", { step_id: "fetch", attempt: 2, duration_ms: 987, result: {} }),
    at(11, "run.paused", { by: "owner", reason: "dinner" }),
    at(71, "run.resumed", { by: "owner", reason: "back" }),
    at(71, "step.started", { step_id: "write", attempt: 1 }),
    at(72, "artifact.created", { step_id: "write", artifact: ARTIFACT }),
  ]);
  assert.deepEqual(
    fetch?.attempts.map(({ outcome, duration_ms, code }) => [outcome, duration_ms, code]),
    [
      ["failed", 2_000, "timeout"],
      ["succeeded", 987, null],
    ],
  );
  assert.deepEqual(fetch?.waits, [
    { for: "turn", reason: null, from: iso(0), until: iso(4), ms: 4_000 },
    { for: "retry", reason: "slow", from: iso(6), until: iso(9), ms: 3_000 },
  ]);
  assert.deepEqual([fetch?.status, write?.status], ["succeeded", "running"]);
  assert.deepEqual(write?.waits, [{ for: "owner", reason: "dinner", from: iso(11), until: iso(71), ms: 60_000 }]);
  assert.deepEqual(write?.artifacts, [ARTIFACT]);
  assert.equal(write?.attempts[0]?.ended_at, null);
});

test("an attempt that a crash cut short is told apart, and what waits when a run ends waits no longer", () => {
  const [fetch, write] = stepHistories([
    created,
    at(1, "step.started", { step_id: "fetch", attempt: 1 }),
    at(50, "step.failed", {
      ...{ step_id: "fetch", attempt: 1, code: "interrupted", message: "the worker died", interrupted: true },
      retry_at_ms: AT + 50_000,
    }),
    at(51, "run.paused", { by: "machine", reason: "plugged_in is not met" }),
    at(60, "run.cancel_requested", { reason: "no" }),
    at(61, "run.canceled", { reason: "no" }),
  ]);
  assert.deepEqual([fetch?.attempts[0]?.outcome, fetch?.status], ["interrupted", "waiting"]);
  assert.deepEqual(
    fetch?.waits.map(({ for: what, ms }) => [what, ms]),
    [
      ["turn", 1_000],
      ["retry", 11_000],
      ["machine", 9_000],
    ],
  );
  assert.deepEqual([write?.attempts, write?.waits], [[], []]);
});
