import { inWorkspace } from "@oa/shared/core/envelope.ts";
import type { Task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { ControlStepNext } from "@oa/shared/generated/types.ts";
import type { RunCommand } from "@oa/shared/run/decider.ts";
import type { StepCommand } from "@oa/shared/run/onward.ts";
import { type RunState, type RunStep, runProcess } from "@oa/shared/run/process.ts";
import { type Attempts, attemptStep, outcomeCommand, sandboxOf, type Watched, type Wired, wire } from "./attempt.ts";
import { isRemoved, judgedCommands } from "./drive.ts";
import { type Judgement, judgeStep } from "./judge.ts";
import { usageTasks } from "./meter.ts";
import type { EngineOptions } from "./options.ts";

/** A run that is held under a lease: its state as the workspace tells it. */
export interface HeldRun extends Watched {
  readonly run_id: string;
  state: RunState;
  /** How far the workspace's clock is ahead of this machine's: its run's times are by the former. */
  ahead_ms: number;
  /** Whether the step that is being performed writes to the outside world. */
  outside: boolean;
}

/** Writes to the workspace, which records the start of the next step together with a success where that may start. */
export type AppendHeld = (command: RunCommand, next?: ControlStepNext) => Promise<Rejection | undefined>;

type Due = Extract<RunStep, { kind: "perform" }>;

/** Why the workspace lets no step start any more: the run ends with it. */
const STOPPED_THERE: ReadonlySet<string> = new Set([
  ...["kill_switch_active", "install_quarantined", "permission_revoked", "timeout"],
]);

/** A step that this machine's own rules let through, with its parameters. */
interface Cleared {
  readonly due: Due;
  readonly wired: Wired;
  readonly outside: boolean;
}

/**
 * Performs a step, and those after it for as long as each success brings the start of the next with it: one call and one
 * event a step. Whatever else comes between two steps is the caller's.
 */
export async function performSteps(
  attempts: Attempts & EngineOptions,
  append: AppendHeld,
  held: HeldRun,
  due: Due,
  stop: AbortSignal,
): Promise<void> {
  let begun = await begin(attempts, append, held, due, stop);
  while (begun !== undefined) begun = await performBegun(attempts, append, held, begun, stop);
}

/** Has the start recorded; undefined: the step waits, or was told not to be done. */
async function begin(
  attempts: Attempts & EngineOptions,
  append: AppendHeld,
  held: HeldRun,
  due: Due,
  stop: AbortSignal,
): Promise<Cleared | undefined> {
  const { engine_id, clock } = attempts;
  const { run_id } = held;
  const { judged, wired } = clear(attempts, held, held.state, due);
  await keepHere(attempts, run_id, judged?.tasks ?? []);
  // The owner of this machine is asked, at this machine; the workspace's run goes on being held meanwhile.
  if (judged?.kind === "wait") {
    await clock.sleep(LIMITS.engine_poll_ms, stop);
    return undefined;
  }
  const next = startOf(attempts, due, wired);
  const start: RunCommand = { type: "start_step", engine_id, run_id, ...next };
  const stops = judged === null ? null : judgedCommands({ engine_id, run_id, now_ms: clock.now_ms() }, due, judged);
  for (const command of stops ?? [start]) {
    const refused = await append(command);
    // The workspace's owner paused or canceled it just now: the next sign of life says so too.
    if (refused?.code === "run_paused" || refused?.code === "canceled") {
      await clock.sleep(LIMITS.engine_poll_ms, stop);
      return undefined;
    }
    if (refused !== undefined && STOPPED_THERE.has(refused.code)) {
      const { code, message } = refused;
      orThrow(await append({ type: "fail", engine_id, step_id: next.step_id, code, message }));
      return undefined;
    }
    orThrow(refused);
  }
  return judged?.kind === "stop" ? undefined : { due, wired, outside: judged?.outside ?? false };
}

/** Performs a step whose start is recorded, and has its outcome recorded; gives the next one where that has begun too. */
async function performBegun(
  attempts: Attempts & EngineOptions,
  append: AppendHeld,
  held: HeldRun,
  { due: { step, attempt }, wired, outside }: Cleared,
  stop: AbortSignal,
): Promise<Cleared | undefined> {
  const { run_id } = held;
  const { step_id } = step;
  held.outside = outside;
  const outcome = await attemptStep(attempts, run_id, { state: byOwnClock(held), step, wired, outside }, held);
  held.progress = null;
  held.outside = false;
  const used = { run_id, step_id, usage: held.usage, at_ms: attempts.clock.now_ms() };
  await keepHere(attempts, run_id, usageTasks(held.state.created?.install_id, used));
  const command = lost(held) ? undefined : outcomeCommand(attempts, step_id, attempt, outcome);
  if (command === undefined) return undefined;
  const next = command.type === "succeed_step" && !stop.aborted ? await following(attempts, held, command) : undefined;
  orThrow(await append(command, next && startOf(attempts, next.due, next.wired)));
  const now = held.state.steps[held.state.done];
  return now?.status === "running" && now.plan.step_id === next?.due.step.step_id ? next : undefined;
}

/** The step that a success leads to, where this machine lets it begin at once and one call can carry both. */
async function following(
  attempts: Attempts & EngineOptions,
  held: HeldRun,
  { step_id, attempt, duration_ms, result }: StepCommand<"succeed_step">,
): Promise<Cleared | undefined> {
  const success = { step_id, attempt, duration_ms, result };
  const after = runProcess.evolve(held.state, { event_type: "step.succeeded", data: success });
  const due = runProcess.next(after, attempts.clock.now_ms() + held.ahead_ms);
  if (due?.kind !== "perform" || isRemoved(attempts.store.load, after)) return undefined;
  const { judged, wired } = clear(attempts, held, after, due);
  // What does not go is judged again when its turn comes, and kept then.
  if (judged !== null && judged.kind !== "go") return undefined;
  const bytes = Buffer.byteLength(JSON.stringify([success, startOf(attempts, due, wired)]));
  if (bytes + LIMITS.api_step_envelope_bytes > LIMITS.api_body_bytes) return undefined;
  await keepHere(attempts, held.run_id, judged?.tasks ?? []);
  return { due, wired, outside: judged?.outside ?? false };
}

/** The run with its deadline by this machine's clock. */
function byOwnClock({ state, ahead_ms }: HeldRun): RunState {
  const { created } = state;
  if (created?.deadline_ms === undefined) return state;
  return { ...state, created: { ...created, deadline_ms: created.deadline_ms - ahead_ms } };
}

/** A step's parameters, and what this worker's own rules say of it; null: they cannot be had, which the attempt says. */
function clear(
  attempts: EngineOptions,
  { run_id }: HeldRun,
  state: RunState,
  { step }: Due,
): { readonly wired: Wired; readonly judged: Judgement | null } {
  const wired = wire(run_id, state, step.params);
  if (wired instanceof Fault) return { wired, judged: null };
  return { wired, judged: judgeStep(attempts, attempts.store.load, { run_id, state, plan: step, params: wired }) };
}

function startOf({ config }: EngineOptions, { step }: Due, wired: Wired): ControlStepNext {
  return { step_id: step.step_id, params: wired instanceof Fault ? {} : wired, ...sandboxOf(step.op, config) };
}

/** Keeps in this worker's own log what goes with a step: an approval is used up here. */
async function keepHere(
  { store, database, clock, config }: EngineOptions,
  correlation_id: string,
  tasks: readonly Task[],
): Promise<void> {
  if (tasks.length === 0) return;
  const { workspace_id, worker: actor_id } = config;
  const about = { now_ms: clock.now_ms(), actor_type: "service", actor_id, correlation_id } as const;
  const context = inWorkspace(workspace_id, about);
  const done = await database.commit(() => store.handle(context, tasks));
  if (isRejection(done)) throw new Fault(done.code, done.message);
}

/** Whether another engine may have the run by now: nothing more is done or written here. */
export function lost({ controller: { signal } }: Watched): boolean {
  return signal.aborted && signal.reason instanceof Fault && signal.reason.code === "lease_lost";
}

export function orThrow(refused: Rejection | undefined): void {
  if (refused !== undefined) throw new Fault(refused.code, refused.message);
}
