import { canonicalize } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Permission, permits } from "@oa/shared/core/permission.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import { OPS } from "@oa/shared/generated/ops.ts";
import type { RunLogged, RunStepPlan } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import type { Clock } from "../adapters/clock.ts";
import type { Op, OpContext } from "../ops/op.ts";
import type { Gate } from "./gate.ts";

/** The part of an op's context that comes from the run's grant. */
export type Effects = Pick<
  OpContext,
  "files" | "egress" | "processes" | "code" | "backends" | "indexes" | "events" | "sites"
>;

/** What an op takes and gives: a sentence saying what is wrong with a value, or null. */
export interface OpContract {
  readonly params: (value: unknown) => string | null;
  readonly result: (value: unknown) => string | null;
}

/** One attempt at one step: everything it needs to act and to be watched. */
export interface Attempt {
  readonly run_id: string;
  readonly install_id?: string | null;
  readonly plan: RunStepPlan;
  readonly params: Readonly<Record<string, unknown>>;
  readonly idempotency_key: string;
  readonly grant: readonly Permission[];
  readonly op: Op<never, object>;
  readonly contract: OpContract;
  readonly effects: Effects;
  /** Each ends it, aborted with a `Fault` that says why: `canceled`, or `interrupted` when the worker stops. */
  readonly signals: readonly AbortSignal[];
  readonly clock: Clock;
  /** Shut while the run is paused. */
  readonly gate: Gate;
  /** When the run's time is over, Unix milliseconds; null: never. */
  readonly deadline_ms: number | null;
  readonly log: (
    level: RunLogged["data"]["level"],
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ) => void;
  readonly progress: OpContext["progress"];
  readonly artifact: OpContext["artifact"];
  /** Takes secrets out of what an error says. */
  readonly redact: (text: string) => string;
  /** Told of errors that are bugs: their text stays out of the events. */
  readonly report: (error: unknown) => void;
}

export type Outcome =
  | { readonly kind: "succeeded"; readonly result: Readonly<Record<string, unknown>>; readonly duration_ms: number }
  | { readonly kind: "failed"; readonly code: string; readonly message: string; readonly retryable: boolean }
  /** The worker is stopping: nobody can say how far the op came, so nothing is recorded. */
  | { readonly kind: "stopped" };

/** Acts once, within the step's time limit and the run's grant, and says how it ended. Never throws. */
export async function perform(attempt: Attempt): Promise<Outcome> {
  const { clock, signals } = attempt;
  const started_ms = clock.now_ms();
  const end = new AbortController();
  const { signal } = end;
  const hopeless = Promise.withResolvers<never>();
  let unwait = (): void => {};
  const stop = (why: unknown): void => {
    if (signal.aborted) return;
    // The run does not wait for ever for an op that goes on after its signal.
    unwait = clock.alarm(LIMITS.step_stop_ms, () => hopeless.reject(signal.reason));
    end.abort(why);
  };
  const follow = (): void => stop(signals.find(({ aborted }) => aborted)?.reason);
  if (signals.some(({ aborted }) => aborted)) follow();
  for (const one of signals) one.addEventListener("abort", follow, { once: true });
  const unwatch = watchTime(attempt, started_ms, (why) => stop(new Fault("timeout", why, { retryable: true })));
  try {
    const result = await Promise.race([act(attempt, signal), hopeless.promise]);
    return { kind: "succeeded", result, duration_ms: Math.max(0, Math.round(clock.now_ms() - started_ms)) };
  } catch (error) {
    return failure(signal.aborted ? signal.reason : error, attempt);
  } finally {
    for (const one of signals) one.removeEventListener("abort", follow);
    unwatch();
    unwait();
  }
}

/**
 * Says once when the step's time is over, without that for which its run was paused, or the run's, unless what it gives
 * is called before.
 */
function watchTime(
  { clock, plan, gate, deadline_ms }: Attempt,
  started_ms: number,
  over: (why: string) => void,
): () => void {
  const run_ms = deadline_ms === null ? Number.POSITIVE_INFINITY : deadline_ms - started_ms;
  const before_ms = gate.held_ms();
  let cancel = (): void => {};
  const look = (): void => {
    const held_ms = gate.held_ms() - before_ms;
    const passed_ms = clock.now_ms() - started_ms;
    if (passed_ms >= run_ms) over(`${plan.op} was still running at the run's deadline`);
    else if (passed_ms - held_ms >= plan.timeout_ms) over(`${plan.op} took longer than ${plan.timeout_ms} ms`);
    else cancel = clock.alarm(Math.min(run_ms - passed_ms, plan.timeout_ms - (passed_ms - held_ms)), look);
  };
  look();
  return () => cancel();
}

async function act(attempt: Attempt, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const { plan, params, contract, grant } = attempt;
  if (!permits(grant, `tool:invoke:${plan.op}`)) {
    throw new Fault("not_permitted", `the install grants no tool:invoke:${plan.op}`);
  }
  const wrong = contract.params(params);
  if (wrong !== null) throw new Fault("schema_invalid", `the parameters of step ${plan.step_id}: ${wrong}`);
  const { run_id, idempotency_key, effects, log, progress, artifact } = attempt;
  const context: OpContext = {
    ...effects,
    checkpoint: () => attempt.gate.pass(signal),
    install_id: attempt.install_id ?? null,
    ...{ run_id, step_id: plan.step_id, idempotency_key, signal, log, progress, artifact },
  };
  // The parameters have just been checked against the op's own schema.
  const result = await attempt.op(params as never, context);
  const misfit = contract.result(result);
  if (misfit !== null) throw new Fault("result_invalid", `${plan.op} gave a result that is not valid: ${misfit}`);
  const bytes = Buffer.byteLength(canonical(result, plan.op));
  if (bytes > LIMITS.step_result_bytes) {
    const message = `the result of ${plan.op} is ${bytes} bytes, over the limit of ${LIMITS.step_result_bytes}`;
    throw new Fault("too_large", message);
  }
  return { ...result };
}

/** The result as the log will hold it, or why it cannot: half a character, a number that is none. */
function canonical(result: object, op: string): string {
  try {
    return canonicalize(result);
  } catch (cause) {
    throw new Fault("result_invalid", `${op} gave a result that JSON cannot hold exactly`, { cause });
  }
}

function failure(error: unknown, { plan, redact, report }: Attempt): Outcome {
  if (!(error instanceof Fault)) {
    report(error);
    const message = `${plan.op} failed in a way it should not; the worker's own log has the details`;
    return { kind: "failed", code: "internal", message, retryable: false };
  }
  if (error.code === "interrupted") return { kind: "stopped" };
  const { code, retryable } = error;
  // What others say in their errors may quote what they were sent.
  return { kind: "failed", code, message: clip(redact(error.message), 2_000), retryable };
}

/** The contract of an op as its schema file declares it, or undefined for an op that does not exist. */
export function contractOf(op: string): OpContract | undefined {
  if (!Object.hasOwn(OPS, op)) return undefined;
  const { title } = OPS[op as keyof typeof OPS];
  return { params: checker(`is${title}Params`), result: checker(`is${title}Result`) };
}

const VALIDATORS: Readonly<Record<string, unknown>> = { ...validators };

function checker(name: string): (value: unknown) => string | null {
  const validator = VALIDATORS[name] as (typeof validators)["isEventEnvelope"];
  return (value) => {
    if (validator(value)) return null;
    const [error] = validator.errors ?? [];
    return `${error?.instancePath || "the value"} ${error?.message ?? "is not valid"}`;
  };
}
