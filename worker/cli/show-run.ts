import type { StepHistory } from "@oa/shared/run/steps.ts";
import type { RunStepView, RunView } from "@oa/shared/run/views.ts";
import { plain } from "./terminal.ts";

const MARKS = { waiting: "·", running: "…", succeeded: "✓", failed: "✗" } as const;

/** A run for people: what it is, each step, its outputs, and why it failed where no step says it. */
export function showRun(run: RunView): string {
  return [
    `${run.title} ${run.upgrade_version}: ${run.status}  (${run.run_id})`,
    ...(run.paused_by === null
      ? []
      : [`  paused by ${run.paused_by === "owner" ? "you" : "the machine"}: ${run.paused_reason}`]),
    ...run.steps.map((step) => `  ${showStep(step)}`),
    ...run.artifacts.map(({ name, bytes, sha256 }) => `  → ${name}, ${bytes} bytes, sha256 ${sha256.slice(0, 12)}…`),
    ...(run.message === null || run.steps.some(({ message }) => message === run.message)
      ? []
      : [`  ${run.message} (${run.code})`]),
  ]
    .map(plain)
    .join("\n");
}

/** One step on one line. */
export function showStep(step: RunStepView): string {
  const again = step.attempt > 1 ? `  attempt ${step.attempt}` : "";
  const open = step.sandbox === "none" ? "  without a sandbox" : "";
  const why = step.message === null ? "" : `  ${step.message} (${step.code})`;
  return plain(`${MARKS[step.status]} ${step.step_id}  ${step.op}${seconds(step.duration_ms)}${again}${open}${why}`);
}

/** A step with each of its attempts, its waits and its outputs, a line for each. */
export function showHistory({ step_id, op, status, attempts, waits, artifacts }: StepHistory): string {
  return [
    `${MARKS[status]} ${step_id}  ${op}  ${status}`,
    ...attempts.map(({ attempt, outcome, started_at, duration_ms, code, message }) => {
      const why = code === null ? "" : `  ${message} (${code})`;
      return `    attempt ${attempt} at ${started_at}: ${outcome}${seconds(duration_ms)}${why}`;
    }),
    ...waits.map(({ for: what, reason, from, ms }) => {
      const why = reason === null ? "" : `: ${reason}`;
      return `    waited for ${what} from ${from}${ms === null ? ", still" : seconds(ms)}${why}`;
    }),
    ...artifacts.map(({ name, bytes, sha256 }) => `    → ${name}, ${bytes} bytes, sha256 ${sha256.slice(0, 12)}…`),
  ]
    .map(plain)
    .join("\n");
}

function seconds(ms: number | null): string {
  return ms === null ? "" : `  ${(ms / 1000).toFixed(1)} s`;
}
