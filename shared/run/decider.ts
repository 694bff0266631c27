import type { Decider } from "../core/decider.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type {
  ArtifactRef,
  RunCreated,
  RunEvent,
  RunLogged,
  RunLogLine,
  RunPaused,
  RunStepPlan,
  RunStepStarted,
} from "../generated/types.ts";
import {
  idempotencyKey,
  isFinished,
  isRepeatable,
  placeOf,
  type RunState,
  runProcess,
  type StepState,
} from "./process.ts";

/** What can be asked of a run. Commands with an `engine_id` are refused unless that engine holds the claim. */
export type RunCommand =
  | { readonly type: "create"; readonly data: RunCreated["data"] }
  /** `takeover`: the caller knows that an engine which holds the run without a lease is dead. */
  | {
      readonly type: "claim";
      readonly engine_id: string;
      readonly now_ms: number;
      readonly takeover: boolean;
      readonly lease?: { readonly until_ms: number; readonly token_sha256: string };
    }
  | { readonly type: "pause"; readonly by: RunPaused["data"]["by"]; readonly reason: string }
  | { readonly type: "resume"; readonly by: RunPaused["data"]["by"]; readonly reason: string }
  | { readonly type: "cancel"; readonly reason: string }
  | ({ readonly engine_id: string; readonly lease?: LeaseProof } & EngineCommand);

/** What a writer under a lease shows: the token it was given, hashed, and what time it is. */
export interface LeaseProof {
  readonly token_sha256: string | null;
  readonly now_ms: number;
}

/** What the engine that holds a run asks of it. */
export type EngineCommand =
  | {
      readonly type: "start_step";
      readonly run_id: string;
      readonly step_id: string;
      readonly params: Readonly<Record<string, unknown>>;
      /** What keeps the programs it starts; absent for an op that starts none. */
      readonly sandbox?: RunStepStarted["data"]["sandbox"];
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
  /** Does nothing while most of the lease is still to come. */
  | { readonly type: "extend_lease"; readonly lease_until_ms: number; readonly now_ms: number }
  | { readonly type: "release"; readonly reason: string }
  /** The manifest and the permissions of the engine's own install. */
  | { readonly type: "start"; readonly manifest_sha256: string; readonly permission_hash: string }
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

/**
 * The rules of a run. Refusals: already_running, not_found, step_out_of_turn, run_finished, lease_lost; of claims
 * already_claimed; under a lease missing_claim_token, lease_token_mismatch, lease_expired, run_not_running,
 * manifest_hash_mismatch, permission_hash_mismatch.
 */
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
    case "pause":
    case "resume":
      return decidePause(state, command);
    default:
      return checkClaim(state, command) ?? decideEngine(state, command);
  }
}

/** The owner's pause is the owner's to end; any other ends with what made it, or when the owner says so. */
function decidePause(
  state: RunState,
  { type, by, reason }: Extract<RunCommand, { type: "pause" | "resume" }>,
): readonly RunEvent[] | Rejection {
  if (isFinished(state)) return reject("run_finished", `the run has already ${ended(state)}`);
  if (state.cancel_reason !== null) return reject("run_finished", "the run is being canceled");
  const { paused } = state;
  if (type === "pause") {
    if (paused !== null && (paused.by === by || by !== "owner")) return [];
    return [{ event_type: "run.paused", data: { by, reason } }];
  }
  if (paused === null || (by !== "owner" && paused.by !== by)) return [];
  return [{ event_type: "run.resumed", data: { by, reason } }];
}

/** Only who holds the run writes; under a lease, only with its token and while it lasts. */
function checkClaim(
  { claim }: RunState,
  { engine_id, lease }: { readonly engine_id: string; readonly lease?: LeaseProof },
): Rejection | null {
  if (claim?.engine_id !== engine_id) {
    return reject("lease_lost", "another engine has taken the run over; nothing more is written by this one");
  }
  if (claim.token_sha256 === null) return null;
  if (lease === undefined || lease.token_sha256 === null) {
    return reject("missing_claim_token", "the run is held under a lease: send the token that the claim gave");
  }
  if (lease.token_sha256 !== claim.token_sha256) {
    return reject("lease_token_mismatch", "the token is not the one that the run's latest claim gave");
  }
  if (claim.lease_until_ms !== null && claim.lease_until_ms <= lease.now_ms) {
    return reject(
      "lease_expired",
      `the lease ended at ${new Date(claim.lease_until_ms).toISOString()}; claim it again`,
    );
  }
  return null;
}

function decideClaim(
  state: RunState,
  command: Extract<RunCommand, { type: "claim" }>,
): readonly RunEvent[] | Rejection {
  const { claim } = state;
  // A claim under a lease is of another one, whatever it calls itself.
  if (claim?.engine_id === command.engine_id && command.lease === undefined && claim.token_sha256 === null) return [];
  // A finished run is claimed only to post its completion note, and by an engine of the worker itself.
  if (isFinished(state) && (state.note === null || command.lease !== undefined)) {
    return reject("run_finished", `the run has already ${ended(state)}`);
  }
  const lapsed = claim === null || (claim.lease_until_ms !== null && claim.lease_until_ms <= command.now_ms);
  const left = claim?.token_sha256 != null && isFinished(state);
  if (!lapsed && !left && !(command.takeover && claim.lease_until_ms === null)) {
    const { lease_until_ms } = claim;
    return reject("already_claimed", `the run is held by engine ${claim.engine_id}`, { lease_until_ms });
  }
  const lease =
    command.lease === undefined
      ? {}
      : { lease_until_ms: command.lease.until_ms, lease_token_sha256: command.lease.token_sha256 };
  return [{ event_type: "run.claimed", data: { engine_id: command.engine_id, fence: state.fence + 1, ...lease } }];
}

function decideEngine(state: RunState, command: EngineCommand): readonly RunEvent[] | Rejection {
  if (command.type === "note_posted" || command.type === "note_failed") return decideNote(state, command);
  if (isFinished(state)) return reject("run_finished", `the run has already ${ended(state)}`);
  const lease = decideLease(state, command);
  if (lease !== null) return lease;
  switch (command.type) {
    case "start_step":
    case "succeed_step":
    case "fail_step":
    case "settle_interrupted":
    case "add_artifact": {
      const step = state.steps[placeOf(state, command.step_id)];
      return step === undefined ? noStep(command.step_id) : decideStep(state, step, command);
    }
    case "log":
      return decideLog(state, command);
    case "extend_lease":
    case "release":
    case "start":
      return []; // decided above
    case "complete":
      if (state.done < state.steps.length) {
        return reject("step_out_of_turn", "the run still has steps to do");
      }
      return [{ event_type: "run.completed", data: { note_relays: command.note_relays } }];
    case "fail": {
      const { step_id, code, message } = command;
      if (step_id !== null && !hasStep(state, step_id)) return noStep(step_id);
      return [{ event_type: "run.failed", data: { step_id, code, message } }];
    }
    case "finish_canceled":
      return [{ event_type: "run.canceled", data: { reason: state.cancel_reason ?? "canceled" } }];
    default:
      return assertNever(command);
  }
}

/** What an engine says about its lease; null: nothing. */
function decideLease(state: RunState, command: EngineCommand): readonly RunEvent[] | Rejection | null {
  const { claim, created } = state;
  const fence = claim?.fence ?? 0;
  switch (command.type) {
    case "extend_lease": {
      const { lease_until_ms, now_ms } = command;
      const gained_ms = lease_until_ms - (claim?.lease_until_ms ?? 0);
      // One that ends later than is asked for stems from before the clock was set back: it would outlive its engine.
      if (gained_ms >= 0 && gained_ms * 3 < lease_until_ms - now_ms) return [];
      return [{ event_type: "run.lease_extended", data: { fence, lease_until_ms } }];
    }
    case "release":
      return [{ event_type: "run.released", data: { fence, reason: command.reason } }];
    case "start": {
      const { manifest_sha256, permission_hash } = command;
      if (manifest_sha256 !== created?.manifest_sha256) {
        return reject("manifest_hash_mismatch", "the engine's install is of another manifest than the run");
      }
      if (permission_hash !== created.permission_hash) {
        return reject("permission_hash_mismatch", "the engine's install grants other permissions than the run needs");
      }
      const again = state.status === "running" && state.started_fence === fence;
      return again ? [] : [{ event_type: "run.started", data: { manifest_sha256, permission_hash } }];
    }
    default:
      return claim?.token_sha256 != null && state.started_fence !== fence
        ? reject("run_not_running", "the run has not been started under this lease")
        : null;
  }
}

type StepCommand = Extract<EngineCommand, { step_id: string; type: `${string}_${string}` }>;

function decideStep(state: RunState, step: StepState, command: StepCommand): readonly RunEvent[] | Rejection {
  const { plan } = step;
  const { step_id } = plan;
  if (command.type === "start_step") {
    if (step.status !== "waiting") return reject("step_out_of_turn", `step ${step_id} is ${step.status}`);
    if (state.steps[state.done] !== step) {
      return reject("step_out_of_turn", `a step before ${step_id} has not succeeded`);
    }
    const idempotency_key = idempotencyKey(command.run_id, step_id);
    const { op, effect } = plan;
    const { params, sandbox } = command;
    const kept = sandbox === undefined ? {} : { sandbox };
    const data = { step_id, attempt: step.attempt + 1, op, effect, idempotency_key, params, ...kept };
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

function hasStep({ created }: RunState, step_id: string): boolean {
  return created?.steps.some((step) => step.step_id === step_id) === true;
}

function noStep(step_id: string): Rejection {
  return reject("not_found", `the run has no step ${step_id}`);
}

function decideLog(state: RunState, command: Extract<EngineCommand, { type: "log" }>): readonly RunEvent[] | Rejection {
  const { step_id, level, line } = command;
  if (!hasStep(state, step_id)) return noStep(step_id);
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
