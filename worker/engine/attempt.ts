import { newId } from "@oa/shared/core/id.ts";
import type { Json } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, type Rejection } from "@oa/shared/core/refusal.ts";
import { redact } from "@oa/shared/core/secrets.ts";
import { clip } from "@oa/shared/core/text.ts";
import { formatReference, resolveWiring } from "@oa/shared/core/wiring.ts";
import { OPS } from "@oa/shared/generated/ops.ts";
import type { PolicyUsage, RunStepPlan } from "@oa/shared/generated/types.ts";
import type { RunCommand } from "@oa/shared/run/decider.ts";
import { idempotencyKey, type RunState, resultOf } from "@oa/shared/run/process.ts";
import { performedNeeds, refuseRevoked } from "@oa/shared/upgrade/use.ts";
import type { Clock } from "../adapters/clock.ts";
import type { SandboxName } from "../adapters/sandbox.ts";
import { leftToday } from "./circumstances.ts";
import { judgedOutputs, openCompliance } from "./compliance.ts";
import { type Gate, openGate } from "./gate.ts";
import { killed } from "./kill-switch.ts";
import { metered } from "./meter.ts";
import type { EngineOptions } from "./options.ts";
import { type Attempt, type Outcome, perform } from "./perform.ts";

/** How far a running step has come, as its op reports it. Shown, never stored. */
export interface Progress {
  readonly step_id: string;
  readonly done: number;
  readonly total: number | null;
  readonly unit: string;
}

/** What stands between a running step and the rest of the worker. */
export interface Watched {
  readonly controller: AbortController;
  readonly gate: Gate;
  progress: Progress | null;
  /** What the last attempt used of the network and of models. */
  usage: PolicyUsage | null;
}

export function watch(clock: Clock): Watched {
  return { controller: new AbortController(), gate: openGate(clock), progress: null, usage: null };
}

/** What an attempt needs; `append` keeps what it says on the way, or says why that is refused. */
export interface Attempts
  extends Pick<
    EngineOptions,
    | "ops"
    | "contractOf"
    | "effects"
    | "artifacts"
    | "secrecy"
    | "clock"
    | "random"
    | "report"
    | "config"
    | "kill_switch"
    | "database"
    | "guard"
    | "compliance"
  > {
  readonly engine_id: string;
  readonly append: (run_id: string, command: RunCommand, stop: AbortSignal) => Promise<Rejection | undefined>;
}

/** What the programs that an op starts are kept in, for the record of its step; nothing for an op that starts none. */
export function sandboxOf(op: string, { sandbox = "none" }: EngineOptions["config"]): { sandbox?: SandboxName } {
  return Object.hasOwn(OPS, op) && OPS[op as keyof typeof OPS].sandboxed === true ? { sandbox } : {};
}

/** A step's parameters with every `${…}` resolved, secrets as `secret` writes them, or why one cannot be. */
export type Wired = Readonly<Record<string, unknown>> | Fault;

export function wire(
  run_id: string,
  state: RunState,
  params: object,
  secret = (name: string): string => formatReference({ root: "secrets", name }),
): Wired {
  const steps = { get: (step_id: string) => resultOf(state, step_id) };
  const scope = { inputs: (state.created?.inputs ?? {}) as never, steps, run: { id: run_id }, secret };
  try {
    return resolveWiring(params as Json, scope) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

/** A step that the policy gate has let through; `outside`: it writes to the outside world. */
export interface JudgedAttempt {
  readonly state: RunState;
  readonly step: RunStepPlan;
  readonly wired: Wired;
  readonly outside: boolean;
}

/** Acts once. The start, which for an external write is its intent, has been recorded. Never throws. */
export async function attemptStep(
  attempts: Attempts,
  run_id: string,
  { state, step: plan, wired, outside }: JudgedAttempt,
  watched: Watched,
): Promise<Outcome> {
  const { clock, report, random, engine_id } = attempts;
  const { step_id } = plan;
  const stop = watched.controller.signal;
  watched.usage = null;
  if (wired instanceof Fault) return failed(wired);
  const acting = wire(run_id, state, plan.params, attempts.secrecy?.slot);
  if (acting instanceof Fault) return failed(acting);
  const clean = attempts.secrecy?.redact ?? ((text: string) => redact(text));
  const [op, contract] = [attempts.ops[plan.op], attempts.contractOf(plan.op)];
  if (op === undefined || contract === undefined) {
    return failed(new Fault("not_found", `this worker has no op ${plan.op}`));
  }
  const { grant: held = [], revoked = [], install_id: of = null } = state.created ?? {};
  if (revoked.length > 0) {
    const needs = performedNeeds({ op: plan.op, params: wired }, attempts.config.home);
    const taken = refuseRevoked(needs, { grant: held, revoked, install_id: of });
    if (taken !== null) return failed(new Fault(taken.code, `step ${step_id}: ${taken.message}`));
  }
  // The switch may have been engaged since the gate let the step through.
  if (outside && attempts.kill_switch.isOn()) return failed(killed());
  const pending: Promise<unknown>[] = [];
  const { grant = [], install_id = null, release_event_id = null } = state.created ?? {};
  const capped = new AbortController();
  const meter = metered(
    attempts.effects(grant, { run_id, install_id, release_event_id, step_id }),
    install_id === null ? {} : leftToday({ ...attempts, now_ms: clock.now_ms() }, install_id),
    clock,
  );
  const log = logger({ ...attempts, clean }, run_id, step_id, state.log_lines, pending, stop);
  const compliance = attempts.compliance ?? openCompliance(attempts.config.aup ?? "strict");
  const attempt: Attempt = {
    ...{ run_id, install_id, plan, params: acting, grant, op, contract, clock, report, redact: clean },
    deadline_ms: state.created?.deadline_ms ?? null,
    gate: watched.gate,
    idempotency_key: idempotencyKey(run_id, step_id),
    effects: judgedOutputs(meter.effects, compliance, log),
    signals: [stop, capped.signal, ...(outside ? [attempts.kill_switch.signal()] : [])],
    log,
    progress: (done, total, unit) => {
      watched.progress = { step_id, done, total, unit };
    },
    artifact: async (name, media_type, bytes) => {
      const stored = await attempts.artifacts.put(bytes);
      const artifact_id = newId("art", clock.now_ms(), random);
      const artifact = { artifact_id, name: clip(name, 200), media_type, ...stored };
      const rejected = await attempts.append(run_id, { type: "add_artifact", engine_id, step_id, artifact }, stop);
      if (rejected !== undefined) throw new Fault(rejected.code, rejected.message);
      return artifact;
    },
  };
  const unguard = attempts.guard?.enter({ run_id, install_id }, (why) => capped.abort(why));
  const outcome = await perform(attempt).finally(unguard);
  await Promise.all(pending); // what a step said comes before how it ended
  watched.usage = meter.usage();
  if (outcome.kind !== "succeeded") return outcome;
  // Before the next step is given any of it, and before it goes to a workspace on another machine.
  return { ...outcome, result: attempts.secrecy?.clean(outcome.result) ?? outcome.result };
}

/** Keeps a bounded number of lines; a line that cannot be kept is reported and does not fail the step. */
function logger(
  { engine_id, append, report, clean }: Attempts & { readonly clean: (text: string) => string },
  run_id: string,
  step_id: string,
  already: number,
  pending: Promise<unknown>[],
  stop: AbortSignal,
): Attempt["log"] {
  let lines = already;
  return (level, text, fields) => {
    lines += 1;
    if (lines > LIMITS.run_log_lines + 1) return;
    // Whole, then cut: a cut would hide the end of a secret.
    const message = clip(clean(text), LIMITS.run_log_chars);
    const line = fields === undefined ? { message } : { message, fields: bounded(fields) };
    pending.push(append(run_id, { type: "log", engine_id, step_id, level, line }, stop).catch(report));
  };
}

function failed({ code, message, retryable }: Fault): Outcome {
  return { kind: "failed", code, message: clip(message, 2_000), retryable };
}

/** Log fields as they can be kept: small and JSON. */
function bounded(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  // JSON.stringify writes half a character as an escape.
  const text = JSON.stringify(fields).replace(/\\u[dD][89a-fA-F][0-9a-fA-F]{2}/g, "\\ufffd");
  return text.length <= LIMITS.run_log_chars ? JSON.parse(text) : { omitted_chars: text.length };
}

/** The command that keeps how an attempt ended; undefined where nobody can say, since the worker is stopping. */
export function outcomeCommand(
  { engine_id, clock, random }: Attempts,
  step_id: string,
  attempt: number,
  outcome: Outcome,
): RunCommand | undefined {
  if (outcome.kind === "stopped") return undefined;
  const by = { engine_id, step_id, attempt };
  if (outcome.kind === "succeeded") {
    const { result, duration_ms } = outcome;
    return { type: "succeed_step", ...by, result, duration_ms };
  }
  const { code, message, retryable } = outcome;
  const jitter = (random(1)[0] ?? 0) / 256;
  return { type: "fail_step", ...by, code, message, retryable, now_ms: clock.now_ms(), jitter };
}
