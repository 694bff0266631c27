import type { RunStepView, RunView } from "@oa/shared/run/views.ts";
import { plain } from "./terminal.ts";

const MARKS = { waiting: "·", running: "…", succeeded: "✓", failed: "✗" } as const;

/** A run for people: what it is, each step, its outputs, and why it failed. */
export function showRun(run: RunView): string {
  return [
    `${run.title} ${run.upgrade_version}: ${run.status}  (${run.run_id})`,
    ...(run.paused_by === null
      ? []
      : [`  paused by ${run.paused_by === "owner" ? "you" : "the machine"}: ${run.paused_reason}`]),
    ...run.steps.map((step) => `  ${showStep(step)}`),
    ...run.artifacts.map(({ name, bytes, sha256 }) => `  → ${name}, ${bytes} bytes, sha256 ${sha256.slice(0, 12)}…`),
    ...(run.message === null ? [] : [`  ${run.message} (${run.code})`]),
  ]
    .map(plain)
    .join("\n");
}

/** One step on one line. */
export function showStep(step: RunStepView): string {
  const time = step.duration_ms === null ? "" : `  ${(step.duration_ms / 1000).toFixed(1)} s`;
  const again = step.attempt > 1 ? `  attempt ${step.attempt}` : "";
  const why = step.message === null ? "" : `  ${step.message} (${step.code})`;
  return plain(`${MARKS[step.status]} ${step.step_id}  ${step.op}${time}${again}${why}`);
}
