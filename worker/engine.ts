import type { EventContext } from "@oa/shared/core/envelope.ts";
import { type EventStore, type Task, task } from "@oa/shared/core/event-store.ts";
import { newId, type RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import { OPS } from "@oa/shared/generated/ops.ts";
import type { MachineReadings, PolicyZone, QuotasConfig, RunCreated, RunStepPlan } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import type { InstallState } from "@oa/shared/install/state.ts";
import { type AupMode, assessManifest, refuseDenied } from "@oa/shared/policy/aup/assess.ts";
import { conductDecider, conductSubject } from "@oa/shared/policy/decider.ts";
import { type RunCommand, runDecider } from "@oa/shared/run/decider.ts";
import { isFinished } from "@oa/shared/run/process.ts";
import { countOpenRuns, getRun, openRuns, type RunView } from "@oa/shared/run/views.ts";
import type { Sensor } from "@oa/shared/schedule/constraints.ts";
import { refuseUnsignedCode } from "@oa/shared/upgrade/code-steps.ts";
import { planOf } from "@oa/shared/upgrade/plan.ts";
import type { Artifacts } from "./adapters/artifacts.ts";
import type { Clock } from "./adapters/clock.ts";
import type { RunGuard, RunRef } from "./adapters/run-usage.ts";
import type { SandboxName } from "./adapters/sandbox.ts";
import type { Secrecy } from "./adapters/secrecy.ts";
import type { SqliteDatabase } from "./adapters/sqlite.ts";
import { expireApprovals } from "./engine/approvals.ts";
import type { Progress } from "./engine/attempt.ts";
import { openDriver } from "./engine/drive.ts";
import type { KillSwitch } from "./engine/kill-switch.ts";
import type { Effects, OpContract } from "./engine/perform.ts";
import { refuseDrift, refuseRevokedSteps, releaseToRun } from "./engine/release.ts";
import { type PausedBy, watchMachine } from "./engine/watch.ts";
import type { EventPublisher, Op } from "./ops/op.ts";

export type RunReason = RunCreated["data"]["reason"];

export interface EngineOptions {
  readonly store: EventStore;
  readonly database: SqliteDatabase;
  readonly ops: Readonly<Record<string, Op<never, object>>>;
  /** What an op takes and gives; `contractOf` reads it from the ops' schemas. */
  readonly contractOf: (op: string) => OpContract | undefined;
  /** What a run may touch, from its grant and nothing else. */
  readonly effects: (grant: readonly string[], run: RunRef) => Effects;
  /** Watches the memory that runs take in this process; absent: nobody does. */
  readonly guard?: Pick<RunGuard, "enter">;
  /** Posts completion notes in the worker's name. */
  readonly notes: EventPublisher;
  readonly artifacts: Artifacts;
  /** Without it no step can use a secret, and errors lose only what looks like one. */
  readonly secrecy?: Pick<Secrecy, "slot" | "redact">;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Asks the machine's sensors; one that cannot know says so, and nothing is thrown. */
  readonly measure: (sensors: readonly Sensor[], signal: AbortSignal) => Promise<MachineReadings>;
  /** Stops every write to the outside world at once. */
  readonly kill_switch: KillSwitch;
  /** Told of what went wrong inside; no event holds it. */
  readonly report: (error: unknown) => void;
  readonly config: {
    readonly workspace_id: string;
    /** This worker's public key: who acts, in the events. */
    readonly worker: string;
    readonly home: string;
    /** Runs at a time. */
    readonly concurrency: number;
    /** Where installs do not say; null: no note is posted, whatever they say. */
    readonly completion_note_relays: readonly string[] | null;
    /** How strictly manifests are judged; strict where absent. */
    readonly aup?: AupMode;
    /** Holds the kill switch on, whatever was switched. */
    readonly kill_switch?: boolean;
    /** What programs that steps start are kept in. */
    readonly sandbox?: SandboxName;
    /** How much is at stake with installs whose owner did not say; `supervised` where absent. */
    readonly zone?: PolicyZone;
    /** The most that each install may use. */
    readonly quotas?: QuotasConfig;
  };
}

export interface Engine {
  /**
   * Queues a run of an enabled install; it starts as soon as `loop` has room for it. `due_ms`: the schedule's due time,
   * for which at most one run is ever made. `cause`: a name of what it is for, the same. `deadline_ms`: how long it may
   * take from now on, waiting and pauses included; by default and at most `LIMITS.run_deadline_ms`. `trial`: of the
   * release on trial, which starts by schedule or trigger are of anyhow.
   * Refusals: not_found, install_disabled, install_quarantined, approval_required, already_running, busy, policy_denied, manifest_hash_mismatch,
   * permission_hash_mismatch, permission_revoked, and those
   * of `planOf`. Faults: disk_full, database_locked.
   */
  readonly start: (
    install_id: string,
    reason: RunReason,
    options?: {
      readonly due_ms?: number;
      readonly cause?: string;
      readonly deadline_ms?: number;
      readonly trial?: boolean;
    },
  ) => Promise<{ readonly run_id: string } | Rejection>;
  /** Lets a run go no further than its step, or its op's next checkpoint. Refusals: not_found, run_finished. */
  readonly pause: (run_id: string, reason: string) => Promise<undefined | Rejection>;
  /** Lets it on, whoever paused it. Refusals: not_found, run_finished. */
  readonly resume: (run_id: string, reason: string) => Promise<undefined | Rejection>;
  /** Stops a run; its running step is aborted. Refusals: not_found, run_finished. */
  readonly cancel: (run_id: string, reason: string) => Promise<undefined | Rejection>;
  /** Resolves when the run has ended. Faults: not_found, canceled (the signal). */
  readonly wait: (run_id: string, signal: AbortSignal) => Promise<RunView>;
  /** How far the running step of a run has come, where its op says so. */
  readonly progress: (run_id: string) => Progress | null;
  /**
   * Performs runs until the signal aborts, beginning with those that a crash interrupted. The caller holds the data
   * folder's lock, so a run that another engine claimed is one whose engine is dead. Never throws.
   */
  readonly loop: (signal: AbortSignal) => Promise<void>;
}

/** Opens the engine over a store; nothing acts before `loop`. */
export function openEngine(options: EngineOptions): Engine {
  const { store, database, clock, random, config } = options;
  const driver = openDriver(options, newId("engine", clock.now_ms(), random));
  let waker = new AbortController();
  const wake = (): void => {
    waker.abort();
    waker = new AbortController();
  };
  const asOwner = (now_ms: number, run_id: string): EventContext => ({
    now_ms,
    workspace_id: config.workspace_id,
    stream_type: "workspace",
    stream_id: config.workspace_id,
    actor_type: "user",
    actor_id: "owner",
    correlation_id: run_id,
  });

  const start: Engine["start"] = async (
    install_id,
    reason,
    { due_ms, cause = due_ms, deadline_ms, trial = false } = {},
  ) => {
    const now_ms = clock.now_ms();
    const run_id = newId("run", now_ms, random);
    const context: EventContext = {
      ...asOwner(now_ms, run_id),
      ...(reason === "manual" ? {} : { actor_type: "service", actor_id: config.worker }),
      ...(cause === undefined ? {} : { idempotency_key: `run/${install_id}/${cause}` }),
    };
    const create: Task = {
      subject_id: run_id,
      run: (load) => {
        const data = plannedRun(options, load(installDecider, install_id), install_id, { reason, due_ms, trial });
        if (isRejection(data)) return data;
        const ends_ms = now_ms + Math.min(deadline_ms ?? LIMITS.run_deadline_ms, LIMITS.run_deadline_ms);
        return runDecider.decide(load(runDecider, run_id), { type: "create", data: { ...data, deadline_ms: ends_ms } });
      },
    };
    const recorded = await database.commit(() => store.handle(context, [create]));
    if (isRejection(recorded)) return recorded;
    wake();
    return { run_id: recorded[0]?.subject_id ?? run_id };
  };

  /** Appends what the owner or the machine asks of a run; the events, or the refusal. */
  const ask = (run_id: string, command: RunCommand) => {
    const machine = "by" in command && command.by === "machine";
    const by = machine ? ({ actor_type: "service", actor_id: config.worker } as const) : {};
    const context: EventContext = { ...asOwner(clock.now_ms(), run_id), ...by };
    return database.commit(() => store.handle(context, [task(runDecider, run_id, command)]));
  };
  const cancel: Engine["cancel"] = async (run_id, reason) => {
    const recorded = await ask(run_id, { type: "cancel", reason: clip(reason, 500) });
    if (isRejection(recorded)) return recorded;
    driver.cancel(run_id, reason);
    wake();
    return undefined;
  };
  const hold = async (run_id: string, by: PausedBy, reason: string): Promise<undefined | Rejection> => {
    const recorded = await ask(run_id, { type: "pause", by, reason: clip(reason, 500) });
    if (isRejection(recorded)) return recorded;
    driver.hold(run_id);
    return undefined;
  };
  const go = async (run_id: string, by: PausedBy, reason: string): Promise<undefined | Rejection> => {
    const recorded = await ask(run_id, { type: "resume", by, reason: clip(reason, 500) });
    if (isRejection(recorded)) return recorded;
    if (store.load(runDecider, run_id).paused === null) driver.go(run_id);
    wake();
    return undefined;
  };

  const wait: Engine["wait"] = async (run_id, signal) => {
    for (;;) {
      const state = store.load(runDecider, run_id);
      if (state.created === null) throw new Fault("not_found", `there is no run ${run_id}`);
      const view = isFinished(state) ? getRun(database, run_id) : null;
      if (view !== null) return view;
      if (signal.aborted) throw new Fault("canceled", `waiting for run ${run_id} was canceled`);
      await new Promise<void>((resolve) => {
        const done = (): void => {
          off();
          signal.removeEventListener("abort", done);
          resolve();
        };
        const off = driver.onEnd(done);
        signal.addEventListener("abort", done, { once: true });
      });
    }
  };

  const loop: Engine["loop"] = async (signal) => {
    const idle = (until: AbortSignal): Promise<void> =>
      clock.sleep(LIMITS.engine_idle_ms, AbortSignal.any([until, waker.signal]));
    const watching = watchMachine({ ...options, idle, sql: database, pause: hold, resume: go }, signal);
    while (!signal.aborted) {
      const woken = AbortSignal.any([signal, waker.signal]);
      let sleep_ms: number = LIMITS.engine_poll_ms;
      try {
        await expireApprovals(options);
        const open = openRuns(database, config.concurrency + driver.busy(), clock.now_ms());
        sleep_ms = driver.pump(open, config.concurrency, wake, signal);
        // With no run at all, only a new one is anything to do, and that wakes.
        if (open.length + driver.busy() + countOpenRuns(database) === 0) sleep_ms = LIMITS.engine_idle_ms;
      } catch (error) {
        options.report(error);
      }
      await clock.sleep(sleep_ms, woken);
    }
    await driver.drain();
    await watching;
  };

  return {
    ...{ start, cancel, wait, loop, progress: driver.progress },
    pause: (run_id, reason) => hold(run_id, "owner", reason),
    resume: (run_id, reason) => go(run_id, "owner", reason),
  };
}

/** A new run of an install, with everything it will ever need pinned, or why there can be none now. */
function plannedRun(
  { store, database, config }: EngineOptions,
  install: InstallState,
  install_id: string,
  start: { readonly reason: RunReason; readonly due_ms: number | undefined; readonly trial: boolean },
): RunCreated["data"] | Rejection {
  const { status } = install;
  const { reason, due_ms } = start;
  if (status === "none" || status === "removed") return reject("not_found", `there is no install ${install_id}`);
  const chosen = releaseToRun(install, install_id, start);
  if (isRejection(chosen)) return chosen;
  const { release, trial } = chosen;
  const { pins, grant, revoked } = release;
  if (status === "yanked") {
    return reject("release_yanked", `${pins.upgrade_id} ${pins.upgrade_version} was taken back by its author`);
  }
  const { quarantine } = store.load(conductDecider, conductSubject(install_id));
  if (quarantine !== null) {
    return reject("install_quarantined", `install ${install_id} is quarantined: ${quarantine.reason}`);
  }
  if (status === "disabled") return reject("install_disabled", `install ${install_id} is disabled`);
  if (countOpenRuns(database, install_id) > 0) {
    return reject("already_running", `install ${install_id} has a run that has not ended`);
  }
  if (countOpenRuns(database) >= LIMITS.runs_queued) {
    return reject("busy", `${LIMITS.runs_queued} runs are waiting already`);
  }
  const plan = allowedPlan(release, config);
  if (isRejection(plan)) return plan;
  const taken = refuseRevokedSteps(plan.steps, release, { home: config.home, install_id });
  if (taken !== null) return taken;
  return {
    install_id,
    reason,
    ...(due_ms === undefined ? {} : { due_ms }),
    upgrade_address: pins.upgrade_address,
    upgrade_id: pins.upgrade_id,
    upgrade_version: pins.upgrade_version,
    title: pins.title,
    manifest_sha256: pins.manifest_sha256,
    manifest_event_id: pins.manifest_event_id,
    release_event_id: pins.release_event_id,
    permission_hash: pins.permission_hash,
    grant,
    ...(revoked.length === 0 ? {} : { revoked }),
    ...(trial ? { trial } : {}),
    steps: plan.steps.map(({ step_id, op }) => ({ step_id, op })),
    plan: plan.steps,
    inputs: plan.inputs,
  };
}

const allowed = new WeakMap<InstalledRelease, ReturnType<typeof planRelease>>();

/**
 * The plan of a release that the rules of this worker still allow: they, or how strictly they are taken, may be others
 * than when it was installed. Worked out once in a process, in which neither changes.
 */
function allowedPlan(
  release: InstalledRelease,
  { home, aup = "strict" }: EngineOptions["config"],
): ReturnType<typeof planRelease> {
  const known = allowed.get(release);
  if (known !== undefined) return known;
  const { manifest, inputs } = release;
  const denied = manifest && refuseDenied(assessManifest(manifest, { mode: aup, inputs }));
  const plan = denied ?? planRelease(release, home);
  allowed.set(release, plan);
  return plan;
}

/** The steps of a release as they will be performed, or why it cannot be carried out as approved. */
export function planRelease(release: InstalledRelease, home: string) {
  const { pins, manifest, inputs } = release;
  if (manifest === null) return reject("not_found", `the manifest of ${pins.upgrade_id} was deleted; install it again`);
  const unsigned = refuseUnsignedCode(manifest, pins);
  if (unsigned !== null) return unsigned;
  const plan = planOf(manifest, inputs as Parameters<typeof planOf>[1], { home });
  if (isRejection(plan)) return plan;
  const drifted = refuseDrift(release, plan);
  if (drifted !== null) return drifted;
  const steps = plan.steps.map(({ id, op, params, effect, timeout_ms, retry }): RunStepPlan => {
    // A manifest may ask for more attempts, but whether a write outside may be repeated at all is the op's to say.
    const most = effect === "external_write" && Object.hasOwn(OPS, op) ? OPS[op as keyof typeof OPS].retry : retry;
    const max_attempts = Math.min(retry.max_attempts, most.max_attempts);
    return { step_id: id, op, params, effect, timeout_ms, max_attempts, backoff_ms: retry.backoff_ms };
  });
  return { steps, inputs: plan.inputs };
}
