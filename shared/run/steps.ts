import type { Recorded } from "../core/envelope.ts";
import type { ArtifactRef, RunEvent, RunPaused, RunStepStarted } from "../generated/types.ts";
import { apart } from "./boundary.ts";

/** One attempt at a step. Times are ISO 8601 in UTC. */
export interface StepAttempt {
  readonly attempt: number;
  readonly outcome: "running" | "succeeded" | "failed" | "interrupted";
  readonly started_at: string;
  readonly ended_at: string | null;
  /** What the op took; for one that failed, from its start to the record of its end. */
  readonly duration_ms: number | null;
  readonly code: string | null;
  readonly message: string | null;
  /** When it is tried again, Unix milliseconds; null: it is not. */
  readonly retry_at_ms: number | null;
  /** What the programs it started were kept in; null for an op that starts none. */
  readonly sandbox: NonNullable<RunStepStarted["data"]["sandbox"]> | null;
}

/** Time in which a step could not go on: until its turn, until it is tried again, or while its run was paused. */
export interface StepWait {
  readonly for: "turn" | "retry" | RunPaused["data"]["by"];
  readonly reason: string | null;
  readonly from: string;
  /** Null: it goes on. */
  readonly until: string | null;
  readonly ms: number | null;
}

/** A step with everything that happened to it. */
export interface StepHistory {
  readonly step_id: string;
  readonly op: string;
  readonly status: "waiting" | "running" | "succeeded" | "failed";
  readonly attempts: readonly StepAttempt[];
  readonly waits: readonly StepWait[];
  readonly artifacts: readonly ArtifactRef[];
}

/** The steps of one run, in order, from its events. A pause is the wait of the step that it held up. Pure. */
export function stepHistories(events: readonly Recorded<RunEvent>[]): readonly StepHistory[] {
  return apart(events).reduce(evolve, []);
}

function evolve(steps: readonly StepHistory[], event: Recorded<RunEvent>): readonly StepHistory[] {
  const at = event.occurred_at;
  switch (event.event_type) {
    case "run.created":
      return event.data.steps.map(({ step_id, op }, index) => {
        const waits = index === 0 ? [waitFor("turn", null, at)] : [];
        return { step_id, op, status: "waiting", attempts: [], waits, artifacts: [] };
      });
    case "step.started": {
      const { step_id, attempt, sandbox = null } = event.data;
      const open = { attempt, outcome: "running", started_at: at, ended_at: null, duration_ms: null, sandbox } as const;
      return withStep(steps, step_id, (step) => ({
        ...step,
        status: "running",
        attempts: [...step.attempts, { ...open, code: null, message: null, retry_at_ms: null }],
        waits: ended(step.waits, at, ["turn", "retry"]),
      }));
    }
    case "step.succeeded": {
      const { step_id, duration_ms } = event.data;
      return withStep(steps, step_id, (step) => ({
        ...withLast(step, { outcome: "succeeded", ended_at: at, duration_ms }),
        status: "succeeded",
      }));
    }
    case "step.failed": {
      const { step_id, code, message, interrupted = false, retry_at_ms } = event.data;
      return withStep(steps, step_id, (step) => {
        const started_at = step.attempts.at(-1)?.started_at ?? at;
        const duration_ms = msBetween(started_at, at);
        const outcome = interrupted ? "interrupted" : "failed";
        const failed = withLast(step, { outcome, ended_at: at, duration_ms, code, message, retry_at_ms });
        if (retry_at_ms === null) return { ...failed, status: "failed" };
        return { ...failed, status: "waiting", waits: [...step.waits, waitFor("retry", message, at)] };
      });
    }
    case "artifact.created": {
      const { step_id, artifact } = event.data;
      return withStep(steps, step_id, (step) => ({ ...step, artifacts: [...step.artifacts, artifact] }));
    }
    case "run.paused": {
      const { by, reason } = event.data;
      const held = steps.find(({ status }) => status !== "succeeded")?.step_id;
      return steps.map((step) =>
        step.step_id === held ? { ...step, waits: [...step.waits, waitFor(by, reason, at)] } : step,
      );
    }
    case "run.resumed":
    case "run.cancel_requested": {
      const paused: readonly StepWait["for"][] = ["owner", "machine", "approval"];
      return steps.map((step) => ({ ...step, waits: ended(step.waits, at, paused) }));
    }
    case "run.completed":
    case "run.failed":
    case "run.canceled":
      return steps.map((step) => ({ ...step, waits: ended(step.waits, at) }));
    default:
      return steps;
  }
}

function withStep(
  steps: readonly StepHistory[],
  step_id: string,
  change: (step: StepHistory) => StepHistory,
): readonly StepHistory[] {
  return steps.map((step) => (step.step_id === step_id ? change(step) : step));
}

function withLast(step: StepHistory, end: Partial<StepAttempt>): StepHistory {
  const last = step.attempts.at(-1);
  return last === undefined ? step : { ...step, attempts: [...step.attempts.slice(0, -1), { ...last, ...end }] };
}

function waitFor(what: StepWait["for"], reason: string | null, from: string): StepWait {
  return { for: what, reason, from, until: null, ms: null };
}

function ended(waits: readonly StepWait[], until: string, of?: readonly StepWait["for"][]): readonly StepWait[] {
  return waits.map((wait) =>
    wait.until !== null || (of !== undefined && !of.includes(wait.for))
      ? wait
      : { ...wait, until, ms: msBetween(wait.from, until) },
  );
}

function msBetween(from: string, until: string): number {
  return Math.max(0, Date.parse(until) - Date.parse(from));
}
