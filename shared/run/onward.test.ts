import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foldAll } from "../core/fold.ts";
import { isRejection } from "../core/refusal.ts";
import type { RunEvent } from "../generated/types.ts";
import { apart } from "./boundary.ts";
import { runDecider } from "./decider.ts";
import { succeedAndStart } from "./onward.ts";

const HASH = "a".repeat(64);
const plan = (step_id: string) => ({
  ...({ step_id, op: "http.request", params: {}, effect: "read" } as const),
  ...{ timeout_ms: 1_000, max_attempts: 1, backoff_ms: 1_000 },
});
const IDS = ["a", "b", "c"];
const created: RunEvent = {
  event_type: "run.created",
  data: {
    ...({
      install_id: "install_1",
      reason: "schedule",
      upgrade_id: "x",
      upgrade_version: "1.0.0",
      title: "X",
    } as const),
    ...{ upgrade_address: `30051:${HASH}:x`, manifest_sha256: HASH, manifest_event_id: HASH, release_event_id: HASH },
    ...{ permission_hash: HASH, grant: [], inputs: {}, deadline_ms: 1_000 },
    ...{ steps: IDS.map((step_id) => ({ step_id, op: "http.request" })), plan: IDS.map(plan) },
  },
};
const by = { engine_id: "engine_1" };
const claimed: RunEvent = { event_type: "run.claimed", data: { engine_id: "engine_1", fence: 1 } };
const started: RunEvent = {
  event_type: "step.started",
  data: { step_id: "a", attempt: 1, op: "http.request", effect: "read", idempotency_key: "run_1/a", params: {} },
};
const running = [created, claimed, started];
const success = (change: object = {}) => ({
  ...({ ...by, type: "succeed_step", step_id: "a", attempt: 1, duration_ms: 5, result: { n: 1 } } as const),
  ...change,
});
const start = (step_id: string) =>
  ({ ...by, type: "start_step", run_id: "run_1", step_id, params: { n: 1 }, sandbox: "none" }) as const;
const said = (given: readonly RunEvent[], change = {}, next = "b", now_ms = 0) =>
  succeedAndStart(foldAll(runDecider, given), success(change), start(next), now_ms);

describe("a success that brings the next start with it", () => {
  it("is one event, after which the next step is under way with its parameters", () => {
    const events = said(running);
    assert.ok(!isRejection(events));
    assert.equal(events.length, 1);
    const two = apart(events as never).map(({ event_type, data }) => [
      event_type,
      (data as { step_id: string }).step_id,
    ]);
    assert.deepEqual(two, [
      ["step.succeeded", "a"],
      ["step.started", "b"],
    ]);
    const { steps } = foldAll(runDecider, [...running, ...events]);
    assert.deepEqual(
      steps.map(({ status }) => status),
      ["succeeded", "running", "waiting"],
    );
  });

  const paused: RunEvent = { event_type: "run.paused", data: { by: "owner", reason: "a call" } };
  const canceled: RunEvent = { event_type: "run.cancel_requested", data: { reason: "enough" } };
  for (const [what, given, next, now_ms] of [
    ["the run is paused", [...running, paused], "b", 0],
    ["the run is being canceled", [...running, canceled], "b", 0],
    ["the run is past its deadline", running, "b", 1_000],
    ["it is another step's turn", running, "c", 0],
    ["the run has no such step", running, "z", 0],
  ] as const) {
    it(`keeps the success alone where ${what}`, () => {
      const events = said(given, {}, next, now_ms);
      assert.ok(!isRejection(events));
      assert.deepEqual(events, [
        { event_type: "step.succeeded", data: { step_id: "a", attempt: 1, duration_ms: 5, result: { n: 1 } } },
      ]);
    });
  }

  for (const [what, given, change] of [
    ["it is not the attempt that runs", running, { attempt: 2 }],
    ["the step does not run", [created, claimed], {}],
    ["another engine holds the run", running, { engine_id: "engine_2" }],
  ] as const) {
    it(`starts nothing where the success is refused: ${what}`, () => {
      const refused = said(given, change);
      assert.equal(isRejection(refused) ? refused.code : "done", "lease_lost");
    });
  }
});
