import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Recorded } from "../core/envelope.ts";
import type { RunEvent } from "../generated/types.ts";
import { spansOf, telemetryLevel, traceExport } from "./trace.ts";

const at = (second: number): string => new Date(1_750_000_000_000 + second * 1_000).toISOString();
/** A run's events, one a second: only what spans are made of. */
function runOf(
  ...events: readonly { readonly event_type: string; readonly data: object }[]
): readonly Recorded<RunEvent>[] {
  const created = {
    event_type: "run.created",
    data: {
      upgrade_id: "a.b",
      upgrade_version: "1.0.0",
      reason: "manual",
      steps: [{}, {}],
      inputs: { key: "private" },
    },
  };
  return [created, ...events].map((event, index) => ({
    ...event,
    ...{ subject_id: "run_1", occurred_at: at(index) },
  })) as unknown as readonly Recorded<RunEvent>[];
}
const started = (step_id: string, attempt = 1) => ({
  event_type: "step.started",
  data: { step_id, attempt, op: "fs.read", params: { path: "/private" } },
});
const succeeded = (step_id: string) => ({
  event_type: "step.succeeded",
  data: { step_id, result: { text: "private" } },
});
const failed = (step_id: string) => ({
  event_type: "step.failed",
  data: { step_id, code: "timeout", message: "private words", retry_at_ms: null },
});
const completed = { event_type: "run.completed", data: {} };
const broken = { event_type: "run.failed", data: { code: "timeout", message: "private words" } };

describe("a run as spans", () => {
  it("is one for the run and one for each attempt, with what became of it", () => {
    const [run, first, second] = spansOf(
      runOf(started("a"), failed("a"), started("a", 2), succeeded("a"), completed),
      "full",
    );
    assert.deepEqual(
      [run?.status, first?.status, second?.status],
      [{ code: 1 }, { code: 2, message: "timeout" }, { code: 1 }],
    );
    assert.equal(first?.parentSpanId, run?.spanId);
    assert.notEqual(first?.spanId, second?.spanId);
    assert.equal(first?.endTimeUnixNano, `${Date.parse(at(2))}000000`);
  });
  it("has the same ids whenever it is made", () => {
    const events = runOf(started("a"), succeeded("a"), completed);
    assert.deepEqual(spansOf(events, "full"), spansOf(events, "full"));
  });
  it("tells how a run failed by its code alone", () => {
    const spans = spansOf(runOf(started("a"), failed("a"), broken), "full");
    assert.deepEqual(spans[0]?.status, { code: 2, message: "timeout" });
  });
  it("ends an attempt that nobody saw end with the run", () => {
    const [, step] = spansOf(runOf(started("a"), { event_type: "run.canceled", data: { reason: "private" } }), "full");
    assert.deepEqual(step?.status, { code: 2, message: "interrupted" });
  });
  it("holds nothing of what a step was given or gave, at any level", () => {
    const events = runOf(started("a"), succeeded("a"), started("b"), failed("b"), broken);
    for (const level of ["basic", "full"] as const) {
      assert.ok(!JSON.stringify(traceExport(spansOf(events, level))).includes("private"));
    }
  });
  it("has no durations and sizes below full", () => {
    const spans = spansOf(runOf(started("a"), succeeded("a"), completed), "basic");
    assert.deepEqual(new Set(spans.flatMap((span) => [span.startTimeUnixNano, span.endTimeUnixNano])).size, 1);
    assert.ok(!JSON.stringify(spans).match(/result_chars|artifact_bytes/));
  });
  it("is nothing at level none, and nothing before the run has ended", () => {
    assert.deepEqual(spansOf(runOf(started("a"), succeeded("a"), completed), "none"), []);
    assert.deepEqual(spansOf(runOf(started("a")), "full"), []);
    assert.deepEqual(spansOf([], "full"), []);
  });
  it("takes a level that is not known, or not said, for none", () => {
    assert.equal(telemetryLevel(null), "none");
    for (const [word, level] of [
      ["basic", "basic"],
      ["full", "full"],
      ["none", "none"],
      ["everything", "none"],
    ]) {
      assert.equal(telemetryLevel({ policy: { telemetry_level: word } } as never), level);
    }
  });
});
