import type { Recorded } from "@oa/shared/core/envelope.ts";
import { foldAll } from "@oa/shared/core/fold.ts";
import { newId } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { ControlStepNext, RunEvent } from "@oa/shared/generated/types.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import { type RunCommand, runDecider } from "@oa/shared/run/decider.ts";
import { isFinished, type RunState, type RunStep, runProcess } from "@oa/shared/run/process.ts";
import { type Attempts, watch } from "./attempt.ts";
import { isRemoved } from "./drive.ts";
import { type AppendHeld, type HeldRun, lost, orThrow, performSteps } from "./held-steps.ts";
import { openReleaseJudge, type ReleaseJudge } from "./judged-release.ts";
import { killed } from "./kill-switch.ts";
import type { EngineOptions } from "./options.ts";
import { identity, judgedState, ownReleases } from "./own-release.ts";

/** The control API of the worker whose runs are carried out; an answer that says no is a rejection. */
export interface Workspace {
  readonly post: <T extends object>(path: string, body: object, signal: AbortSignal) => Promise<T | Rejection>;
  /** How long a claim lasts without a sign of life. */
  readonly lease_ms: number;
}

interface Events {
  readonly events: readonly Recorded[];
}

/** What a sign of life brings back. */
interface Sign extends Pick<RunState, "cancel_reason" | "paused"> {
  readonly lease_until_ms: number;
  readonly lease_left_ms: number;
  readonly kill_switch: boolean;
}

/** What names a release, and what its install grants. */
type Pair = Pick<InstalledRelease["pins"], "manifest_sha256" | "permission_hash">;

function pairOf({ manifest_sha256, permission_hash }: Pair): Pair {
  return { manifest_sha256, permission_hash };
}

interface Claim extends Pair {
  readonly run_id: string;
  readonly claim_token: string;
  /** By the workspace's clock. */
  readonly lease_until_ms: number;
}

/** One claimed run: its state as the workspace tells it, and what stands between its step and the workspace. */
interface Held extends HeldRun {
  readonly claim: Claim;
  readonly release: InstalledRelease;
  lease_until_ms: number;
}

/**
 * Carries out runs of another worker until the signal aborts, `concurrency` at a time. A run is executed only under an
 * install of this worker's own with the same manifest and permissions, with this install's grant and plan: the
 * workspace gives work, never rights. Never throws.
 */
export async function joinWorkspace(options: EngineOptions, workspace: Workspace, stop: AbortSignal): Promise<void> {
  const engine_id = newId("engine", options.clock.now_ms(), options.random);
  const scruples: Scruples = { declined: new Map(), foreign: new Map(), judge: openReleaseJudge(options) };
  const lane = async (): Promise<void> => {
    while (!stop.aborted) {
      let idle = true;
      try {
        idle = !(await one(options, workspace, engine_id, scruples, stop));
      } catch (error) {
        if (!stop.aborted) options.report(error);
      }
      if (idle) await options.clock.sleep(LIMITS.engine_poll_ms, stop);
    }
  };
  await Promise.all(Array.from({ length: options.config.concurrency }, lane));
}

interface Scruples {
  /** Releases that this worker has found it may not run, by what names them, and until when. */
  readonly declined: Map<string, number>;
  /** What runs of the workspace need and no install here grants exactly: told once, not claimed again. */
  readonly foreign: Map<string, Pair>;
  readonly judge: ReleaseJudge;
}

/** What goes by: the same may be said again. */
const PASSING: ReadonlySet<string> = new Set(["unreachable", "disk_full", "database_locked"]);

/** Asks the workspace, which has so long to answer. Faults: those of `PASSING`. */
async function ask<T extends object>(
  workspace: Workspace,
  path: string,
  body: object,
  limit_ms: number = LIMITS.engine_answer_ms,
  signal?: AbortSignal,
): Promise<T | Rejection> {
  const limit = AbortSignal.timeout(Math.min(Math.max(limit_ms, LIMITS.engine_poll_ms), LIMITS.engine_answer_ms));
  let given: T | Rejection;
  try {
    given = await workspace.post<T>(path, body, signal === undefined ? limit : AbortSignal.any([signal, limit]));
  } catch (cause) {
    if (!limit.aborted || signal?.aborted === true) throw cause;
    throw new Fault("unreachable", `the workspace gave no answer to ${path} in time`, { cause });
  }
  if (isRejection(given) && PASSING.has(given.code)) throw new Fault(given.code, given.message);
  return given;
}

/** Asks until there is an answer, the lease is over, or `stop` aborts: what is asked may be asked twice. */
async function insist<T extends object>(
  { clock, report }: EngineOptions,
  workspace: Workspace,
  path: string,
  body: object,
  lease: { readonly lease_until_ms: number },
  stop: AbortSignal,
  signal?: AbortSignal,
): Promise<T | Rejection> {
  for (;;) {
    try {
      return await ask<T>(workspace, path, body, lease.lease_until_ms - clock.now_ms(), signal);
    } catch (error) {
      const passing = error instanceof Fault && PASSING.has(error.code);
      if (!passing || stop.aborted || clock.now_ms() >= lease.lease_until_ms) throw error;
      report(error);
      await clock.sleep(LIMITS.engine_poll_ms, stop);
    }
  }
}

/** Claims one run and carries it out; false where there is none. A stop waits for the answer: no claim is left behind. */
async function one(
  options: EngineOptions,
  workspace: Workspace,
  engine_id: string,
  { declined, foreign, judge }: Scruples,
  stop: AbortSignal,
): Promise<boolean> {
  const now_ms = options.clock.now_ms();
  const releases = ownReleases(options).filter(({ pins }) => (declined.get(identity(pins)) ?? 0) <= now_ms);
  if (releases.length === 0) return false;
  const { lease_ms } = workspace;
  const manifests = [...new Set(releases.map(({ pins }) => pins.manifest_sha256))];
  const lease_until_ms = now_ms + lease_ms;
  const own = new Set(releases.map(({ pins }) => identity(pins)));
  const except = [...foreign.values()].filter((pair) => !own.has(identity(pair))).slice(-LIMITS.lease_manifests);
  const wanted = { engine_id, manifests, lease_ms, except: except.map(pairOf) };
  const claim = await ask<Claim | { readonly run_id: null }>(workspace, "/v1/runs/claim", wanted);
  if (isRejection(claim)) throw new Fault(claim.code, claim.message);
  if (claim.run_id === null) return false;
  const { run_id, claim_token } = claim;
  const notHere = async ({ code, message }: Rejection): Promise<Fault> => {
    const body = { claim_token, reason: clip(message, 500) };
    await ask(workspace, `/v1/runs/${run_id}/lease/release`, body);
    return new Fault(code, `run ${run_id} is not carried out here: ${message}`);
  };
  const release = releases.find(({ pins }) => identity(pins) === identity(claim));
  if (release === undefined) {
    foreign.set(identity(claim), claim);
    options.report(await notHere(reject("permission_hash_mismatch", "no install here grants exactly what it needs")));
    return true;
  }
  const { manifest_sha256, permission_hash } = release.pins;
  const body = { claim_token, manifest_sha256, permission_hash };
  const path = `/v1/runs/${run_id}/start`;
  const given = await insist<Events>(options, workspace, path, body, { lease_until_ms }, stop);
  const state = isRejection(given) ? given : await judgedState(options, judge, release, given.events);
  if (isRejection(state)) {
    const later_ms = options.clock.now_ms() + LIMITS.engine_declined_ms;
    declined.set(identity(claim), state.code === "policy_denied" ? Number.POSITIVE_INFINITY : later_ms);
    throw await notHere(state);
  }
  const ahead_ms = claim.lease_until_ms - lease_until_ms;
  const held = { ...watch(options.clock), claim, run_id, release, state, lease_until_ms, ahead_ms, outside: false };
  await carryOut(options, workspace, engine_id, held, stop);
  return true;
}

/** Performs what is next until the run has ended, the lease is lost, or this worker stops. */
async function carryOut(
  options: EngineOptions,
  workspace: Workspace,
  engine_id: string,
  held: Held,
  stop: AbortSignal,
): Promise<void> {
  const { clock } = options;
  const { run_id, claim_token } = held.claim;
  const over = new AbortController();
  const stopping = (): void => held.controller.abort(new Fault("interrupted", "the worker is stopping"));
  stop.addEventListener("abort", stopping, { once: true });
  const beating = beat(options, workspace, held, over.signal);
  const append: AppendHeld = async (command, next) => {
    const [path, body] = request(command, next);
    return send(options, workspace, held, path, { claim_token, ...body }, over.signal, stop);
  };
  const attempts: Attempts & EngineOptions = { ...options, engine_id, append: (_, command) => append(command) };
  try {
    while (!stop.aborted && !lost(held) && !isFinished(held.state) && !isRemoved(options.store.load, held.state)) {
      const there_ms = clock.now_ms() + held.ahead_ms;
      const step = runProcess.next(held.state, there_ms);
      if (step === undefined) await clock.sleep(LIMITS.engine_poll_ms, stop);
      else if (step.kind === "wait") await clock.sleep(Math.min(step.until_ms - there_ms, LIMITS.engine_poll_ms), stop);
      else if (step.kind === "perform") await performSteps(attempts, append, held, step, stop);
      else if (step.kind === "post_note") return;
      else orThrow(await append(bookkeeping(engine_id, step, clock.now_ms())));
    }
  } finally {
    stop.removeEventListener("abort", stopping);
    over.abort();
    await beating;
    const removed = isRemoved(options.store.load, held.state);
    if ((stop.aborted || removed) && !lost(held) && !isFinished(held.state)) {
      const reason = removed ? "the engine's own install was removed" : "the engine is stopping";
      const body = { claim_token, reason };
      await ask(workspace, `/v1/runs/${run_id}/lease/release`, body, LIMITS.step_stop_ms).catch(options.report);
    }
  }
}

function bookkeeping(
  engine_id: string,
  step: Exclude<RunStep, { kind: "perform" | "wait" | "post_note" }>,
  now_ms: number,
): RunCommand {
  switch (step.kind) {
    case "settle_interrupted":
      return { type: "settle_interrupted", engine_id, step_id: step.step_id, now_ms };
    case "complete":
      return { type: "complete", engine_id, note_relays: [] };
    case "fail":
      return { type: "fail", engine_id, step_id: step.step_id, code: step.code, message: step.message };
    default:
      return { type: "fail", engine_id, step_id: null, code: "canceled", message: step.reason };
  }
}

/** Where a command goes and what of it: the workspace knows the rest itself. */
function request(command: RunCommand, next: ControlStepNext | undefined): readonly [string, object] {
  switch (command.type) {
    case "complete":
      return ["complete", {}];
    case "fail": {
      const { step_id, code, message } = command;
      return ["fail", { step_id, code, message }];
    }
    default: {
      const {
        engine_id: _,
        run_id: __,
        now_ms: ___,
        jitter: ____,
        ...own
      } = command as RunCommand & {
        readonly engine_id?: string;
        readonly run_id?: string;
        readonly now_ms?: number;
        readonly jitter?: number;
      };
      return ["steps", { command: next === undefined ? own : { ...own, next } }];
    }
  }
}

/**
 * Sends until it is answered or the lease is over; however often that is, it is one call, which the workspace writes
 * once. What it recorded becomes part of the state.
 */
async function send(
  options: EngineOptions,
  workspace: Workspace,
  held: Held,
  path: string,
  body: object,
  over: AbortSignal,
  stop: AbortSignal,
): Promise<Rejection | undefined> {
  const { clock, random } = options;
  const call = { ...body, idempotency_key: newId("call", clock.now_ms(), random) };
  const whole = `/v1/runs/${held.claim.run_id}/${path}`;
  const given = await insist<Events>(options, workspace, whole, call, held, stop, over);
  if (isRejection(given)) return given;
  held.state = foldAll(runDecider, given.events as readonly RunEvent[], held.state);
  return undefined;
}

/** Tells the workspace that this engine is alive, and learns from it whether the run is canceled or paused. */
async function beat(
  { clock, report }: EngineOptions,
  workspace: Workspace,
  held: Held,
  over: AbortSignal,
): Promise<void> {
  const { run_id, claim_token } = held.claim;
  const { lease_ms } = workspace;
  // It ends by itself, whatever becomes of a call that is under way, and whatever the clock is set to.
  const untilLost = (): (() => void) =>
    clock.alarm(held.lease_until_ms - clock.now_ms(), () => loseLease(held, "the workspace was not reached in time"));
  let keep = untilLost();
  over.addEventListener("abort", () => keep(), { once: true });
  for (;;) {
    await clock.sleep(Math.min(lease_ms / 3, LIMITS.engine_poll_ms), over);
    if (over.aborted || lost(held)) return;
    try {
      const sent_ms = clock.now_ms();
      const left_ms = held.lease_until_ms - sent_ms;
      const path = `/v1/runs/${run_id}/lease/heartbeat`;
      const given = await ask<Sign>(workspace, path, { claim_token, lease_ms }, left_ms, over);
      if (isRejection(given)) {
        if (given.code !== "run_finished") loseLease(held, given.message);
        return;
      }
      keep();
      held.lease_until_ms = sent_ms + given.lease_left_ms;
      held.ahead_ms = given.lease_until_ms - held.lease_until_ms;
      keep = untilLost();
      held.state = { ...held.state, cancel_reason: given.cancel_reason, paused: given.paused };
      if (given.paused === null) held.gate.open();
      else held.gate.shut();
      if (given.kill_switch && held.outside) held.controller.abort(killed());
      if (given.cancel_reason !== null) {
        held.controller.abort(new Fault("canceled", `the run was canceled: ${given.cancel_reason}`));
      }
    } catch (error) {
      if (over.aborted) return;
      report(error);
      // From now on another engine may have it: nothing more is done here.
      if (clock.now_ms() >= held.lease_until_ms) loseLease(held, "the workspace was not reached in time");
    }
  }
}

function loseLease({ controller }: Held, why: string): void {
  controller.abort(new Fault("lease_lost", `the run is no longer this engine's: ${why}`));
}
