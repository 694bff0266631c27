import type { Decider } from "../core/decider.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type { ArtifactRef, RunCreated, RunEvent, RunLogged, RunLogLine, RunStepPlan } from "../generated/types.ts";
import { idempotencyKey, isFinished, isRepeatable, type RunState, runProcess, type StepState } from "./process.ts";

/** What can be asked of a run. Commands with an `engine_id` are refused unless that engine holds the claim. */
export type RunCommand =
  | { readonly type: "create"; readonly data: RunCreated["data"] }
  /** `takeover`: the caller knows that the engine which holds the claim is dead. */
  | {
      readonly type: "claim";
      readonly engine_id: string;
      readonly now_ms: number;
      readonly takeover: boolean;
      readonly lease_until_ms?: number;
    }
  | { readonly type: "cancel"; readonly reason: string }
  | ({ readonly engine_id: string } & EngineCommand);

type EngineCommand =
  | {
      readonly type: "start_step";
      readonly run_id: string;
      readonly step_id: string;
      readonly params: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: "succeed_step";
      readonly step_id: string;
      readonly attempt: number;
      readonly duration_ms: number;
      readonly result: Readonly<Record<string, unknown>>;
    }
  /** `jitter` in [0, 1) spreads the next attempt. */
  | {
      readonly type: "fail_step";
      readonly step_id: string;
      readonly attempt: number;
      readonly code: string;
      readonly message: string;
      readonly retryable: boolean;
      readonly now_ms: number;
      readonly jitter: number;
    }
  | {
      readonly type: "settle_interrupted";
      readonly step_id: string;
      readonly now_ms: number;
    }
  | { readonly type: "add_artifact"; readonly step_id: string; readonly artifact: ArtifactRef }
  | {
      readonly type: "log";
      readonly step_id: string;
      readonly level: RunLogged["data"]["level"];
      readonly line: RunLogLine;
    }
  | { readonly type: "complete"; readonly note_relays: readonly string[] }
  | { readonly type: "fail"; readonly step_id: string | null; readonly code: string; readonly message: string }
  | { readonly type: "finish_canceled" }
  | {
      readonly type: "note_posted";
      readonly note_event_id: string;
      readonly accepted: readonly string[];
      readonly refused: readonly string[];
    }
  | {
      readonly type: "note_failed";
      readonly attempt: number;
      readonly code: string;
      readonly message: string;
      readonly now_ms: number;
    };

/** The rules of a run. Refusals: already_running, not_found, busy, run_finished, lease_lost. */
export const runDecider: Decider<RunState, RunEvent, RunCommand> = {
  initial: runProcess.initial,
  evolve: runProcess.evolve,
  decide,
};

function decide(state: RunState, command: RunCommand): readonly RunEvent[] | Rejection {
  if (command.type === "create") {
    if (state.created !== null) return reject("already_running", "the run exists already");
    return [{ event_type: "run.created", data: command.data }];
  }
  if (state.created === null) return reject("not_found", "there is no such run");
  switch (command.type) {
    case "claim":
      return decideClaim(state, command);
    case "cancel":
      if (isFinished(state)) return reject("run_finished", `the run has already ${ended(state)}`);
      if (state.cancel_reason !== null) return [];
      return [{ event_type: "run.cancel_requested", data: { reason: command.reason } }];
    default:
      if (state.claim?.engine_id !== command.engine_id) {
        return reject("lease_lost", "another engine has taken the run over; nothing more is written by this one");
      }
      return decideEngine(state, command);
  }
}

function decideClaim(
  state: RunState,
  command: Extract<RunCommand, { type: "claim" }>,
): readonly RunEvent[] | Rejection {
  const { claim } = state;
  if (claim?.engine_id === command.engine_id) return [];
  const lapsed = claim === null || (claim.lease_until_ms !== null && claim.lease_until_ms <= command.now_ms);
  if (!lapsed && !command.takeover) return reject("busy", `the run is held by engine ${claim.engine_id}`);
  // A finished run is claimed only to post its completion note.
  if (isFinished(state) && state.note === null) return reject("run_finished", `the run has already ${ended(state)}`);
  const lease = command.lease_until_ms === undefined ? {} : { lease_until_ms: command.lease_until_ms };
  const data = { engine_id: command.engine_id, fence: (claim?.fence ?? 0) + 1, ...lease };
  return [{ event_type: "run.claimed", data }];
}

function decideEngine(state: RunState, command: EngineCommand): readonly RunEvent[] | Rejection {
  if (command.type === "note_posted" || command.type === "note_failed") return decideNote(state, command);
  if (isFinished(state)) return reject("run_finished", `the run has already ${ended(state)}`);
  switch (command.type) {
    case "start_step":
    case "succeed_step":
    case "fail_step":
    case "settle_interrupted":
    case "add_artifact": {
      const step = state.steps.find(({ plan }) => plan.step_id === command.step_id);
      return step === undefined
        ? reject("not_found", `the run has no step ${command.step_id}`)
        : decideStep(state, step, command);
    }
    case "log":
      return decideLog(state, command);
    case "complete":
      if (state.steps.some(({ status }) => status !== "succeeded")) {
        return reject("busy", "the run still has steps to do");
      }
      return [{ event_type: "run.completed", data: { note_relays: command.note_relays } }];
    case "fail": {
      const { step_id, code, message } = command;
      return [{ event_type: "run.failed", data: { step_id, code, message } }];
    }
    case "finish_canceled":
      return [{ event_type: "run.canceled", data: { reason: state.cancel_reason ?? "canceled" } }];
    default:
      return assertNever(command);
  }
}

type StepCommand = Extract<EngineCommand, { step_id: string; type: `${string}_${string}` }>;

function decideStep(state: RunState, step: StepState, command: StepCommand): readonly RunEvent[] | Rejection {
  const { plan } = step;
  const { step_id } = plan;
  if (command.type === "start_step") {
    if (step.status !== "waiting") return reject("busy", `step ${step_id} is ${step.status}`);
    const before = state.steps.slice(0, state.steps.indexOf(step));
    if (before.some(({ status }) => status !== "succeeded")) {
      return reject("busy", `a step before ${step_id} has not succeeded`);
    }
    const idempotency_key = idempotencyKey(command.run_id, step_id);
    const { op, effect } = plan;
    const data = { step_id, attempt: step.attempt + 1, op, effect, idempotency_key, params: command.params };
    return [{ event_type: "step.started", data }];
  }
  if (step.status !== "running") return reject("lease_lost", `step ${step_id} is not running`);
  switch (command.type) {
    case "add_artifact": {
      const { artifact } = command;
      // An attempt that is made again produces the same outputs again.
      const same = (known: ArtifactRef): boolean => known.name === artifact.name && known.sha256 === artifact.sha256;
      if (state.artifacts.some((known) => known.step_id === step_id && same(known.artifact))) return [];
      if (state.artifacts.length >= LIMITS.run_artifacts) {
        return reject("too_large", `a run keeps at most ${LIMITS.run_artifacts} artifacts`);
      }
      return [{ event_type: "artifact.created", data: { step_id, artifact } }];
    }
    case "succeed_step": {
      const { attempt, duration_ms, result } = command;
      if (attempt !== step.attempt)
        return reject("lease_lost", `attempt ${attempt} of ${step_id} is not the running one`);
      return [{ event_type: "step.succeeded", data: { step_id, attempt, duration_ms, result } }];
    }
    case "fail_step": {
      const { attempt, code, message, now_ms, jitter } = command;
      if (attempt !== step.attempt)
        return reject("lease_lost", `attempt ${attempt} of ${step_id} is not the running one`);
      const again = command.retryable && attempt < plan.max_attempts && state.cancel_reason === null;
      const retry_at_ms = again ? now_ms + backoff(plan.backoff_ms, attempt, LIMITS.step_backoff_ms, jitter) : null;
      return [{ event_type: "step.failed", data: { step_id, attempt, code, message, retry_at_ms } }];
    }
    case "settle_interrupted":
      return [{ event_type: "step.failed", data: settle(step, plan, command.now_ms) }];
    default:
      return assertNever(command);
  }
}

/** An attempt whose outcome nobody recorded: made again where that is safe, else failed with the plain truth. */
function settle(step: StepState, plan: RunStepPlan, now_ms: number) {
  const { step_id } = plan;
  const common = { step_id, attempt: step.attempt, interrupted: true };
  if (!isRepeatable(plan)) {
    const message = `${plan.op} was cut short, and whether it took effect is not known; it is not repeated`;
    return { ...common, code: "outcome_unknown", message, retry_at_ms: null };
  }
  const spent = step.interrupted + 1 >= LIMITS.step_interruptions;
  const message = spent
    ? `${plan.op} was cut short ${LIMITS.step_interruptions} times; it is not tried again`
    : `${plan.op} was cut short`;
  return { ...common, code: "interrupted", message, retry_at_ms: spent ? null : now_ms };
}

function decideLog(state: RunState, command: Extract<EngineCommand, { type: "log" }>): readonly RunEvent[] {
  const { step_id, level, line } = command;
  if (state.log_lines < LIMITS.run_log_lines) return [{ event_type: "run.log", data: { step_id, level, line } }];
  if (state.log_lines > LIMITS.run_log_lines) return [];
  const message = `this run has logged ${LIMITS.run_log_lines} lines; further ones are not kept`;
  return [{ event_type: "run.log", data: { step_id, level: "warn", line: { message } } }];
}

function decideNote(
  state: RunState,
  command: Extract<EngineCommand, { type: "note_posted" | "note_failed" }>,
): readonly RunEvent[] {
  if (state.note === null) return [];
  if (command.type === "note_posted") {
    const { note_event_id, accepted, refused } = command;
    return [{ event_type: "note.posted", data: { note_event_id, accepted, refused } }];
  }
  const { attempt, code, message, now_ms } = command;
  const again = attempt < LIMITS.note_attempts;
  const retry_at_ms = again ? now_ms + backoff(LIMITS.note_backoff_ms, attempt, LIMITS.step_backoff_ms, 1) : null;
  return [{ event_type: "note.failed", data: { attempt, code, message, retry_at_ms } }];
}

/** Doubles with each attempt up to `most_ms`; `jitter` in [0, 1] takes off up to a half. */
function backoff(first_ms: number, attempt: number, most_ms: number, jitter: number): number {
  const full_ms = Math.min(first_ms * 2 ** (attempt - 1), most_ms);
  return Math.round(full_ms * (0.5 + jitter / 2));
}

function ended(state: RunState): string {
  return state.status === "canceled" ? "been canceled" : state.status;
}
