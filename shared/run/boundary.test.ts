import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Recorded } from "../core/envelope.ts";
import { foldAll } from "../core/fold.ts";
import type { RunEvent, RunStepPlan } from "../generated/types.ts";
import { apart, joined } from "./boundary.ts";
import { runProcess } from "./process.ts";

const plan = (step_id: string): RunStepPlan => ({
  ...{ step_id, op: "http.request", params: {}, effect: "external_write" },
  ...{ timeout_ms: 1_000, max_attempts: 1, backoff_ms: 1_000 },
});
const started = (step_id: string, params?: Record<string, unknown>): RunEvent => ({
  event_type: "step.started",
  data: {
    ...{ step_id, attempt: 1, op: "http.request", effect: "external_write", idempotency_key: `run_1/${step_id}` },
    ...(params && { params }),
  },
});
const succeeded = (step_id: string): RunEvent => ({
  event_type: "step.succeeded",
  data: { step_id, attempt: 1, duration_ms: 7, result: { of: step_id } },
});
const failed: RunEvent = {
  event_type: "step.failed",
  data: { step_id: "b", attempt: 1, code: "policy_denied", message: "no", retry_at_ms: null },
};
const completed: RunEvent = { event_type: "run.completed", data: { note_relays: [] } };
/** As the log gives them: what is recorded together is of one time. */
const recorded = (events: readonly RunEvent[]): readonly Recorded<RunEvent>[] =>
  events.map((event) => ({ ...event, subject_id: "run_1", occurred_at: "2026-01-01T00:00:00.000Z" }) as never);
const bare = (events: readonly Recorded<RunEvent>[]) => events.map(({ event_type, data }) => ({ event_type, data }));

describe("the boundary between two steps", () => {
  it("is one event, which says all that the two would", () => {
    const two = [succeeded("a"), started("b", { url: "https://b.example/" })];
    const [only, ...more] = joined(two);
    assert.deepEqual([only?.event_type, more], ["step.succeeded", []]);
    assert.deepEqual(only?.data, {
      ...{ step_id: "a", attempt: 1, duration_ms: 7, result: { of: "a" } },
      next: {
        ...{ step_id: "b", attempt: 1, op: "http.request", effect: "external_write", idempotency_key: "run_1/b" },
      },
      next_params: { url: "https://b.example/" },
    });
    const [success, start] = apart(recorded(joined(two)));
    assert.deepEqual({ ...bare([start as Recorded<RunEvent>])[0] }, two[1]);
    assert.deepEqual([success?.occurred_at, success?.subject_id], [start?.occurred_at, start?.subject_id]);
  });

  it("is none where a step comes first or last, or is tried again", () => {
    for (const events of [[started("a")], [succeeded("b"), completed], [failed, started("b")], []]) {
      assert.deepEqual(joined(events), events);
      assert.deepEqual(bare(apart(recorded(events))), events);
    }
  });

  it("takes in one start, and what became of that stands after it", () => {
    const events = joined([succeeded("a"), started("b"), failed]);
    assert.deepEqual(
      events.map(({ event_type }) => event_type),
      ["step.succeeded", "step.failed"],
    );
    assert.deepEqual(
      apart(recorded(events)).map(({ event_type }) => event_type),
      ["step.succeeded", "step.started", "step.failed"],
    );
  });

  it("leaves a run where the two events would: the next step under way, and not to be performed unasked", () => {
    const steps = ["a", "b"].map((step_id) => ({ step_id, op: "http.request" }));
    const before: readonly RunEvent[] = [
      { event_type: "run.created", data: { steps, plan: [plan("a"), plan("b")] } as never },
      { event_type: "run.claimed", data: { engine_id: "engine_1", fence: 1 } },
      started("a"),
    ];
    const two = [succeeded("a"), started("b")];
    const state = foldAll(runProcess, [...before, ...joined(two)]);
    assert.deepEqual(state, foldAll(runProcess, [...before, ...two]));
    assert.deepEqual(runProcess.next(state, 0), { kind: "settle_interrupted", step_id: "b", attempt: 1 });
  });

  it("still tells that the next step started once its values are deleted", () => {
    const [only] = joined([succeeded("a"), started("b", { token: "x" })]);
    assert.ok(only?.event_type === "step.succeeded");
    const { result: _, next_params: __, ...kept } = only.data;
    assert.deepEqual(bare(apart(recorded([{ ...only, data: kept }])))[1], started("b"));
  });
});
