import { type Actor, OWNER } from "@oa/shared/api/actor.ts";
import { refuseRun } from "@oa/shared/capability/scope.ts";
import { type EventContext, inWorkspace } from "@oa/shared/core/envelope.ts";
import { type Task, task } from "@oa/shared/core/event-store.ts";
import { newId } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { licenseDecider } from "@oa/shared/license/decider.ts";
import { type Payment, usePayment } from "@oa/shared/license/gate.ts";
import { type RunCommand, runDecider } from "@oa/shared/run/decider.ts";
import { isFinished } from "@oa/shared/run/process.ts";
import { countOpenRuns, openRuns, type RunSummary, runSummary } from "@oa/shared/run/views.ts";
import type { StartGates } from "@oa/shared/schedule/waits.ts";
import { expireApprovals } from "./engine/approvals.ts";
import type { Progress } from "./engine/attempt.ts";
import { openDriver } from "./engine/drive.ts";
import { openReleaseJudge } from "./engine/judged-release.ts";
import type { EngineOptions } from "./engine/options.ts";
import { plannedRun } from "./engine/planned-run.ts";
import type { RunReason } from "./engine/release.ts";
import { startGates } from "./engine/start-gates.ts";
import { type PausedBy, watchMachine } from "./engine/watch.ts";

export interface Engine {
  /**
   * Queues a run of an enabled install; it starts as soon as `loop` has room for it. `due_ms`: the schedule's due time,
   * for which at most one run is ever made. `cause`: a name of what it is for, the same. `deadline_ms`: how long it may
   * take from now on, waiting and pauses included; by default and at most `LIMITS.run_deadline_ms`. `trial`: of the
   * release on trial, which starts by schedule or trigger are of anyhow.
   * Refusals: not_found, install_disabled, install_quarantined, approval_required, already_running, busy, policy_denied, classifier_unavailable, manifest_hash_mismatch,
   * permission_hash_mismatch, permission_revoked, quota_exceeded, capability_scope_not_allowed, licence_missing, licence_expired, licence_used_up,
   * licence_unproven, and those of `planOf`. Faults: disk_full, database_locked.
   */
  readonly start: (
    install_id: string,
    reason: RunReason,
    options?: {
      readonly due_ms?: number;
      readonly cause?: string;
      readonly deadline_ms?: number;
      readonly trial?: boolean;
      /** What stands against a new run: only one that was made for the due time or cause before is answered. */
      readonly against?: Rejection;
      /** Who asks; a capability token must name every tool and every host of the run. */
      readonly by?: Actor;
    },
  ) => Promise<{ readonly run_id: string } | Rejection>;
  /** Lets a run go no further than its step, or its op's next checkpoint. Refusals: not_found, run_finished. */
  readonly pause: (run_id: string, reason: string, by?: Actor) => Promise<undefined | Rejection>;
  /** Lets it on, whoever paused it. Refusals: not_found, run_finished. */
  readonly resume: (run_id: string, reason: string, by?: Actor) => Promise<undefined | Rejection>;
  /** Stops a run; its running step is aborted. Refusals: not_found, run_finished. */
  readonly cancel: (run_id: string, reason: string, by?: Actor) => Promise<undefined | Rejection>;
  /** Aborts what runs of an install are doing, whose quarantine was recorded: their steps fail. */
  readonly quarantine: (install_id: string, reason: string) => void;
  /** Resolves when the run has ended. Faults: not_found, canceled (the signal). */
  readonly wait: (run_id: string, signal: AbortSignal) => Promise<RunSummary>;
  /** Whether the next run of an install is paid for, and its quotas have room; at a time, by default now. */
  readonly gates: (install_id: string, at_ms?: number) => StartGates;
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
  const judge = openReleaseJudge(options);
  let waker = new AbortController();
  const wake = (): void => {
    waker.abort();
    waker = new AbortController();
  };
  const machine: Actor = { actor_type: "service", actor_id: config.worker, scope: null };
  const asked = (now_ms: number, run_id: string, { actor_type, actor_id }: Actor): EventContext =>
    inWorkspace(config.workspace_id, { now_ms, actor_type, actor_id, correlation_id: run_id });

  const start: Engine["start"] = async (
    install_id,
    reason,
    { due_ms, cause = due_ms, deadline_ms, trial = false, against, by = OWNER } = {},
  ) => {
    const judged = against === undefined ? await judge.ofStart(install_id, { reason, trial }) : null;
    const now_ms = clock.now_ms();
    const run_id = newId("run", now_ms, random);
    const context: EventContext = {
      ...asked(now_ms, run_id, reason === "manual" ? by : machine),
      ...(cause === undefined ? {} : { idempotency_key: `run/${install_id}/${cause}` }),
    };
    let payment: Payment | null = null;
    const create: Task = {
      subject_id: run_id,
      run: (load) => {
        if (against !== undefined) return against;
        const wanted = { reason, due_ms, trial, now_ms, judged };
        const planned = plannedRun(options, load(installDecider, install_id), install_id, wanted);
        if (isRejection(planned)) return planned;
        const beyond = by.scope && refuseRun(by.scope, planned.data);
        if (beyond !== null) return beyond;
        payment = planned.payment;
        const ends_ms = now_ms + Math.min(deadline_ms ?? LIMITS.run_deadline_ms, LIMITS.run_deadline_ms);
        const data = { ...planned.data, deadline_ms: ends_ms };
        return runDecider.decide(load(runDecider, run_id), { type: "create", data });
      },
    };
    /** The run and what it takes of its licence or trial, both or neither. */
    const tasks = function* (): Generator<Task> {
      yield create;
      if (payment === null) return;
      const { subject_id, command } = usePayment(payment, { install_id, run_id, now_ms });
      yield task(licenseDecider, subject_id, command);
    };
    const recorded = await database.commit(() => store.handle(context, tasks()));
    if (isRejection(recorded)) return recorded;
    wake();
    return { run_id: recorded[0]?.subject_id ?? run_id };
  };

  /** Appends what the owner or the machine asks of a run; the events, or the refusal. */
  const ask = async (run_id: string, command: RunCommand, by: Actor) => {
    const context = asked(clock.now_ms(), run_id, by);
    const recorded = await database.commit(() => store.handle(context, [task(runDecider, run_id, command)]));
    const unknown = isRejection(recorded) && recorded.code === "not_found";
    return unknown ? reject("not_found", `there is no run ${run_id}`) : recorded;
  };
  const cancel: Engine["cancel"] = async (run_id, reason, by = OWNER) => {
    const recorded = await ask(run_id, { type: "cancel", reason: clip(reason, 500) }, by);
    if (isRejection(recorded)) return recorded;
    driver.cancel(run_id, reason);
    wake();
    return undefined;
  };
  const hold = async (run_id: string, by: PausedBy, reason: string, who: Actor): Promise<undefined | Rejection> => {
    const recorded = await ask(run_id, { type: "pause", by, reason: clip(reason, 500) }, who);
    if (isRejection(recorded)) return recorded;
    driver.hold(run_id);
    return undefined;
  };
  const go = async (run_id: string, by: PausedBy, reason: string, who: Actor): Promise<undefined | Rejection> => {
    const recorded = await ask(run_id, { type: "resume", by, reason: clip(reason, 500) }, who);
    if (isRejection(recorded)) return recorded;
    if (store.load(runDecider, run_id).paused === null) driver.go(run_id);
    wake();
    return undefined;
  };

  const wait: Engine["wait"] = async (run_id, signal) => {
    for (;;) {
      const state = store.load(runDecider, run_id);
      if (state.created === null) throw new Fault("not_found", `there is no run ${run_id}`);
      const view = isFinished(state) ? runSummary(database, run_id) : null;
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
    const watching = watchMachine(
      {
        ...{ ...options, idle, sql: database },
        pause: (run_id, by, reason) => hold(run_id, by, reason, machine),
        resume: (run_id, by, reason) => go(run_id, by, reason, machine),
      },
      signal,
    );
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
    ...{ start, cancel, wait, loop, progress: driver.progress, quarantine: driver.quarantine },
    gates: (install_id, at_ms = clock.now_ms()) => startGates(options, install_id, at_ms),
    pause: (run_id, reason, by = OWNER) => hold(run_id, "owner", reason, by),
    resume: (run_id, reason, by = OWNER) => go(run_id, "owner", reason, by),
  };
}
