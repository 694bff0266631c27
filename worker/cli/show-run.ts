import { duration } from "@oa/shared/core/local-time.ts";
import { HELD } from "@oa/shared/core/run-words.ts";
import type { StepHistory } from "@oa/shared/run/steps.ts";
import type { RunStepView, RunView } from "@oa/shared/run/views.ts";
import { plain } from "./terminal.ts";
import { hereText } from "./time-options.ts";

const MARKS = { waiting: "·", running: "…", succeeded: "✓", failed: "✗" } as const;

const ASKED_BY: Readonly<Record<RunView["reason"], string>> = {
  manual: "started by you",
  schedule: "started by its schedule",
  catch_up: "started to catch up with what was missed",
  trigger: "started by a trigger",
};

/** A run for people: what it is, why it ran, each step, its outputs, and why it failed where no step says it. */
export function showRun(run: RunView): string {
  const took_ms = tookOf(run);
  return [
    `${run.title} ${run.upgrade_version}: ${statusOf(run)}  (${run.run_id})`,
    `  ${ASKED_BY[run.reason]} at ${hereText(run.created_at)}${took_ms === null ? "" : `, took ${length(took_ms)}`}`,
    ...(run.paused_by === null ? [] : [`  ${HELD[run.paused_by]}: ${run.paused_reason}`]),
    ...run.steps.map((step) => `  ${showStep(step)}`),
    ...run.artifacts.map(({ name, bytes, sha256 }) => `  → ${name}, ${bytes} bytes, sha256 ${sha256.slice(0, 12)}…`),
    ...(run.message === null || run.steps.some(({ message }) => message?.endsWith(run.message ?? "") === true)
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
      return `    attempt ${attempt} at ${hereText(started_at)}: ${outcome}${seconds(duration_ms)}${why}`;
    }),
    ...waits.map(({ for: what, reason, from, ms }) => {
      const why = reason === null ? "" : `: ${reason}`;
      return `    waited for ${what} from ${hereText(from)}${ms === null ? ", still" : seconds(ms)}${why}`;
    }),
    ...artifacts.map(({ name, bytes, sha256 }) => `    → ${name}, ${bytes} bytes, sha256 ${sha256.slice(0, 12)}…`),
  ]
    .map(plain)
    .join("\n");
}

/** A run that is held goes by that, whatever it had come to. */
export function statusOf({ status, paused_by }: Pick<RunView, "status" | "paused_by">): string {
  return paused_by === null ? status : "paused";
}

/** From its start to its end; null while it has either not. */
export function tookOf({ started_at, finished_at }: Pick<RunView, "started_at" | "finished_at">): number | null {
  return started_at === null || finished_at === null ? null : Date.parse(finished_at) - Date.parse(started_at);
}

/** A length of time in a column: tenths of a second where they matter. */
export function length(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms);
}

function seconds(ms: number | null): string {
  return ms === null ? "" : `  ${length(ms)}`;
}
