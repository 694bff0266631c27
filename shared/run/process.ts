import type { Json } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import type { Process } from "../core/process.ts";
import { assertNever } from "../core/refusal.ts";
import type {
  RunArtifactCreated,
  RunCreated,
  RunEvent,
  RunPaused,
  RunStepFailed,
  RunStepPlan,
} from "../generated/types.ts";
import { startWithin } from "./boundary.ts";

/** How far one step has come. `interrupted` counts attempts that an engine's death cut short. */
export interface StepState {
  readonly plan: RunStepPlan;
  readonly status: "waiting" | "running" | "succeeded" | "failed";
  /** The latest attempt, counted from 1; 0 before the first. */
  readonly attempt: number;
  readonly interrupted: number;
  readonly retry_at_ms: number | null;
  readonly failure: Pick<RunStepFailed["data"], "code" | "message"> | null;
  /** What it gave, for the steps after it; null: it has not succeeded. */
  readonly result: Json | null;
}

export type RunStatus = "queued" | "running" | "succeeded" | "failed" | "canceled";

/** One run, folded from its events. */
export interface RunState {
  readonly created: RunCreated["data"] | null;
  readonly status: RunStatus;
  readonly claim: {
    readonly engine_id: string;
    readonly fence: number;
    /** Null: until the engine's process is gone. */
    readonly lease_until_ms: number | null;
    readonly token_sha256: string | null;
  } | null;
  /** Of the latest claim, which may have ended; 0 before the first. */
  readonly fence: number;
  /** The fence of the lease that the run was last started under. */
  readonly started_fence: number;
  readonly paused: RunPaused["data"] | null;
  readonly cancel_reason: string | null;
  readonly steps: readonly StepState[];
  /** How many of them, from the first on, have succeeded: the place of the one that is next. */
  readonly done: number;
  readonly artifacts: readonly RunArtifactCreated["data"][];
  readonly log_lines: number;
  /** The completion note still to be posted, if its owner wants one. */
  readonly note: { readonly relays: readonly string[]; readonly attempt: number; readonly at_ms: number } | null;
}

/** What an engine does next for a run. */
export type RunStep =
  | { readonly kind: "perform"; readonly step: RunStepPlan; readonly attempt: number }
  /** An attempt was started and nobody recorded how it ended. */
  | { readonly kind: "settle_interrupted"; readonly step_id: string; readonly attempt: number }
  | { readonly kind: "wait"; readonly until_ms: number }
  | { readonly kind: "complete" }
  | { readonly kind: "fail"; readonly step_id: string | null; readonly code: string; readonly message: string }
  | { readonly kind: "cancel"; readonly reason: string }
  | { readonly kind: "post_note"; readonly relays: readonly string[]; readonly attempt: number };

/**
 * A pipeline run: its steps one after the other, each performed until it succeeds or may not be tried again. A step
 * that succeeded is never performed again. `next` is asked only by the engine that holds the claim and performs nothing
 * for the run at that moment, so a step that is still `running` was cut short.
 */
export const runProcess: Process<RunState, RunEvent, RunStep> = {
  initial: {
    created: null,
    status: "queued",
    claim: null,
    fence: 0,
    started_fence: 0,
    paused: null,
    cancel_reason: null,
    steps: [],
    done: 0,
    artifacts: [],
    log_lines: 0,
    note: null,
  },
  evolve,
  next,
};

/** Whether an attempt whose outcome is not known may be made again, under the same idempotency key. */
export function isRepeatable(step: RunStepPlan): boolean {
  return step.effect !== "external_write" || step.max_attempts > 1;
}

/** The same on every attempt, so that whoever is written to can recognise a repeat. */
export function idempotencyKey(run_id: string, step_id: string): string {
  return `${run_id}/${step_id}`;
}

export function isFinished(state: RunState): boolean {
  return state.status === "succeeded" || state.status === "failed" || state.status === "canceled";
}

function evolve(state: RunState, event: RunEvent): RunState {
  switch (event.event_type) {
    case "run.created": {
      const fresh = { status: "waiting", attempt: 0, interrupted: 0, retry_at_ms: null } as const;
      const steps = (event.data.plan ?? []).map((plan) => ({ plan, ...fresh, failure: null, result: null }));
      return { ...state, created: event.data, steps };
    }
    case "run.claimed": {
      const { engine_id, fence, lease_until_ms = null, lease_token_sha256: token_sha256 = null } = event.data;
      const claim = { engine_id, fence, lease_until_ms, token_sha256 };
      // A run that has ended is claimed only for its completion note; it does not start again. Under a lease a run
      // starts once its engine has said what it runs it under.
      return { ...state, status: isFinished(state) || token_sha256 !== null ? state.status : "running", claim, fence };
    }
    case "run.started":
      return { ...state, status: "running", started_fence: state.fence };
    case "run.lease_extended": {
      const { lease_until_ms } = event.data;
      return state.claim === null ? state : { ...state, claim: { ...state.claim, lease_until_ms } };
    }
    case "run.released":
      return { ...state, status: isFinished(state) ? state.status : "queued", claim: null };
    case "run.paused":
      return { ...state, paused: event.data };
    case "run.resumed":
      return { ...state, paused: null };
    case "step.started": {
      const { step_id, attempt } = event.data;
      return withStep(state, step_id, (step) => ({ ...step, status: "running", attempt, retry_at_ms: null }));
    }
    case "step.succeeded": {
      const { step_id, result = {} } = event.data;
      const succeeded = { status: "succeeded", failure: null, result: result as Json } as const;
      const after = withStep(state, step_id, (step) => ({ ...step, ...succeeded }));
      const start = startWithin(event);
      return start === null ? after : evolve(after, start);
    }
    case "step.failed": {
      const { step_id, code, message, retry_at_ms, interrupted = false } = event.data;
      return withStep(state, step_id, (step) => ({
        ...step,
        status: retry_at_ms === null ? "failed" : "waiting",
        // An attempt that was cut short is made again as the same attempt: it did not use up a retry.
        attempt: interrupted ? step.attempt - 1 : step.attempt,
        interrupted: step.interrupted + (interrupted ? 1 : 0),
        retry_at_ms,
        failure: { code, message },
      }));
    }
    case "artifact.created":
      return { ...state, artifacts: [...state.artifacts, event.data] };
    case "run.log":
      return { ...state, log_lines: state.log_lines + 1 };
    case "run.cancel_requested":
      return { ...state, cancel_reason: event.data.reason, paused: null };
    case "run.completed": {
      const relays = event.data.note_relays;
      return { ...state, status: "succeeded", note: relays.length === 0 ? null : { relays, attempt: 0, at_ms: 0 } };
    }
    case "run.failed":
      return { ...state, status: "failed" };
    case "run.canceled":
      return { ...state, status: "canceled" };
    case "note.posted":
      return { ...state, note: null };
    case "note.failed": {
      const { attempt, retry_at_ms } = event.data;
      if (state.note === null || retry_at_ms === null) return { ...state, note: null };
      return { ...state, note: { ...state.note, attempt, at_ms: retry_at_ms } };
    }
    default:
      return assertNever(event);
  }
}

function withStep(state: RunState, step_id: string, change: (step: StepState) => StepState): RunState {
  const at = placeOf(state, step_id);
  const step = state.steps[at];
  if (step === undefined) return state;
  const steps = state.steps.with(at, change(step));
  let done = Math.min(state.done, at);
  while (steps[done]?.status === "succeeded") done += 1;
  return { ...state, steps, done };
}

/** Where a step stands among the others, -1 where there is none such; mostly it is the one that is next. */
export function placeOf({ steps, done }: RunState, step_id: string): number {
  return steps[done]?.plan.step_id === step_id ? done : steps.findIndex(({ plan }) => plan.step_id === step_id);
}

/** What a step gave: what `${steps.…}` refers to. Undefined where it has not succeeded. */
export function resultOf(state: RunState, step_id: string): Json | undefined {
  return state.steps[placeOf(state, step_id)]?.result ?? undefined;
}

function next(state: RunState, now_ms: number): RunStep | undefined {
  if (state.created === null) return undefined;
  if (isFinished(state)) return nextNote(state, now_ms);
  const current = state.steps[state.done];
  if (current?.status === "running") {
    return { kind: "settle_interrupted", step_id: current.plan.step_id, attempt: current.attempt };
  }
  if (state.cancel_reason !== null) return { kind: "cancel", reason: state.cancel_reason };
  const { deadline_ms = Number.POSITIVE_INFINITY } = state.created;
  if (deadline_ms <= now_ms) {
    const message = `the run did not end by ${new Date(deadline_ms).toISOString()}, its deadline`;
    return { kind: "fail", step_id: null, code: "timeout", message };
  }
  if (state.paused !== null) return undefined;
  if (state.steps.length !== state.created.steps.length) {
    return { kind: "fail", step_id: null, code: "not_found", message: "the run's plan was deleted before it finished" };
  }
  if (current === undefined) return { kind: "complete" };
  const { plan, status, failure, retry_at_ms, attempt } = current;
  if (status === "failed") {
    const { code, message } = failure ?? { code: "internal", message: "the step failed" };
    return { kind: "fail", step_id: plan.step_id, code, message };
  }
  if (retry_at_ms !== null && retry_at_ms > now_ms)
    return { kind: "wait", until_ms: Math.min(retry_at_ms, deadline_ms) };
  return { kind: "perform", step: plan, attempt: attempt + 1 };
}

function nextNote(state: RunState, now_ms: number): RunStep | undefined {
  if (state.note === null || state.note.attempt >= LIMITS.note_attempts) return undefined;
  const { relays, attempt, at_ms } = state.note;
  return at_ms > now_ms ? { kind: "wait", until_ms: at_ms } : { kind: "post_note", relays, attempt: attempt + 1 };
}
