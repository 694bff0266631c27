import { type EventContext, inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, type Task, task } from "@oa/shared/core/event-store.ts";
import { foldAll } from "@oa/shared/core/fold.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { assertNever, Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { RunEvent } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { joined } from "@oa/shared/run/boundary.ts";
import { type RunCommand, runDecider } from "@oa/shared/run/decider.ts";
import { type RunState, type RunStep, runProcess } from "@oa/shared/run/process.ts";
import {
  type Attempts,
  attemptStep,
  outcomeCommand,
  type Progress,
  sandboxOf,
  type Watched,
  type Wired,
  watch,
  wire,
} from "./attempt.ts";
import { type Judgement, judgeStep } from "./judge.ts";
import { usageTasks } from "./meter.ts";
import { noteRelays, postNote } from "./note.ts";
import type { EngineOptions } from "./options.ts";

/** Drives runs: fold, perform what is next, append, repeat. One run is driven at most once at a time. */
export interface Driver {
  /**
   * Starts driving runs of `open`, in order, while there is room, and returns after how many milliseconds the next
   * waiting run is due. `changed` is called when room has come free.
   */
  readonly pump: (open: readonly string[], concurrency: number, changed: () => void, stop: AbortSignal) => number;
  /** Aborts the running step of a run whose cancellation was recorded; one that waits is ended at once. */
  readonly cancel: (run_id: string, reason: string) => void;
  /** Aborts the running steps of an install whose quarantine was recorded; what waits is stopped by the policy gate. */
  readonly quarantine: (install_id: string, reason: string) => void;
  /** Holds a run whose pause was recorded, at the next checkpoint of its op; `go` lets it on. */
  readonly hold: (run_id: string) => void;
  readonly go: (run_id: string) => void;
  /** How many runs are driven or wait for a time. */
  readonly busy: () => number;
  /** Aborts what is running, since the worker stops, and resolves when all of it has let go. */
  readonly drain: () => Promise<void>;
  /** Calls `listener` whenever a run has ended; gives the way to stop that. */
  readonly onEnd: (listener: () => void) => () => void;
  readonly progress: (run_id: string) => Progress | null;
}

interface Driven extends Watched {
  done: Promise<void>;
}

/** What is to be done for a run that is not bookkeeping, with its state; a step's parameters as its start recorded them. */
type Due = { readonly state: RunState } & (
  | Extract<RunStep, { kind: "wait" | "post_note" }>
  | (Extract<RunStep, { kind: "perform" }> & { readonly wired: Wired; readonly outside: boolean })
);

/** What has become known of a run, and what is recorded beside it. */
interface Known {
  readonly command: RunCommand;
  readonly besides: readonly Task[];
}

const ENDS: ReadonlySet<string> = new Set(["run.completed", "run.failed", "run.canceled"]);
export const REMOVED: RunCommand = { type: "cancel", reason: "its install was removed" };
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 30_000;

export function openDriver(options: EngineOptions, engine_id: string): Driver {
  const { store, database, clock, config, report } = options;
  const active = new Map<string, Driven>();
  const parked = new Map<string, number>();
  const listeners = new Set<() => void>();
  let pumped: { readonly changed: () => void; readonly stop: AbortSignal } | null = null;

  const by = { actor_type: "service", actor_id: config.worker } as const;
  const context = (run_id: string): EventContext =>
    inWorkspace(config.workspace_id, { now_ms: clock.now_ms(), ...by, correlation_id: run_id });

  /**
   * Appends, trying again while the disk is full or the database busy: an outcome that is known must not be lost. Gives
   * up when the worker stops.
   */
  const record = async (run_id: string, tasks: Iterable<Task>, stop: AbortSignal): Promise<Rejection | undefined> => {
    for (let wait_ms = RETRY_FIRST_MS; ; wait_ms = Math.min(wait_ms * 2, RETRY_MOST_MS)) {
      try {
        const written = await database.commit(() => store.handle(context(run_id), tasks));
        if (isRejection(written)) return written;
        if (written.some(({ event_type }) => ENDS.has(event_type))) for (const listener of listeners) listener();
        return undefined;
      } catch (error) {
        if (!(error instanceof Fault && error.retryable) || stop.aborted) throw error;
        report(error);
        await clock.sleep(wait_ms, stop);
        if (stop.aborted) throw error;
      }
    }
  };
  const command = (run_id: string, asked: RunCommand): Task => task(runDecider, run_id, asked);
  const attempts: Attempts = {
    ...options,
    engine_id,
    append: (run_id, asked, stop) => record(run_id, [command(run_id, asked)], stop),
  };

  /**
   * Takes a command, and does everything after it that needs no effect, in one transaction: the outcome of one step and
   * the start of the next are one commit. `keep` gets the effect that is due then, and what the policy gate has recorded
   * with it.
   */
  const onward = (
    run_id: string,
    first: RunCommand,
    stop: AbortSignal,
    keep: (due: Due | undefined, besides: readonly Task[]) => void,
  ): Task => ({
    subject_id: run_id,
    run: (load) => {
      const drafts: RunEvent[] = [];
      const besides: Task[] = [];
      let state = load(runDecider, run_id);
      const take = (asked: RunCommand): Rejection | null => {
        const events = runDecider.decide(state, asked);
        if (isRejection(events)) return events;
        drafts.push(...events);
        state = foldAll(runDecider, events, state);
        return null;
      };
      const refused = take(first);
      if (refused !== null) return refused;
      for (;;) {
        const step = runProcess.next(state, clock.now_ms());
        if (step === undefined || step.kind === "wait" || step.kind === "post_note" || stop.aborted) {
          keep(step?.kind === "wait" || step?.kind === "post_note" ? { ...step, state } : undefined, besides);
          return joined(drafts);
        }
        const wired = step.kind === "perform" ? wire(run_id, state, step.step.params) : {};
        let commands: readonly RunCommand[] | null = null;
        let outside = false;
        const removed = step.kind === "perform" && isRemoved(load, state);
        if (step.kind === "perform" && !(wired instanceof Fault) && !removed) {
          const judged = judgeStep(options, load, { run_id, state, plan: step.step, params: wired });
          commands = judgedCommands({ engine_id, run_id, now_ms: clock.now_ms() }, step, judged);
          outside = judged.kind === "go" && judged.outside;
          besides.push(...judged.tasks);
        }
        for (const asked of commands ?? [removed ? REMOVED : bookkeeping(run_id, state, step, wired)]) {
          const refused = take(asked);
          if (refused !== null) return refused;
        }
        const current = state.steps[state.done];
        if (step.kind === "perform" && current?.plan === step.step && current.status === "running") {
          keep({ ...step, wired, state, outside }, besides);
          return joined(drafts);
        }
      }
    },
  });
  const bookkeeping = (
    run_id: string,
    state: RunState,
    step: Exclude<RunStep, { kind: "wait" | "post_note" }>,
    wired: Wired,
  ): RunCommand => {
    switch (step.kind) {
      case "perform":
        return {
          ...{ type: "start_step", engine_id, run_id, step_id: step.step.step_id },
          params: wired instanceof Fault ? {} : wired,
          ...sandboxOf(step.step.op, config),
        };
      case "settle_interrupted":
        return { type: "settle_interrupted", engine_id, step_id: step.step_id, now_ms: clock.now_ms() };
      case "complete":
        return { type: "complete", engine_id, note_relays: noteRelays(options, state) };
      case "fail":
        return { type: "fail", engine_id, step_id: step.step_id, code: step.code, message: step.message };
      case "cancel":
        return { type: "finish_canceled", engine_id };
      default:
        return assertNever(step);
    }
  };

  const drive = async (run_id: string, driven: Driven, stop: AbortSignal): Promise<void> => {
    let due: Due | undefined;
    let known: Known | undefined = {
      command: { type: "claim", engine_id, now_ms: clock.now_ms(), takeover: true },
      besides: [],
    };
    while (known !== undefined) {
      const { command: first, besides: others }: Known = known;
      const tasks: Iterable<Task> = {
        *[Symbol.iterator]() {
          let gate: readonly Task[] = [];
          yield onward(run_id, first, stop, (next, besides) => {
            due = next;
            gate = besides;
          });
          yield* gate;
          yield* others;
        },
      };
      const rejection = await record(run_id, tasks, stop);
      if (rejection?.code === "lease_lost" || rejection?.code === "run_finished") return;
      if (rejection?.code === "already_claimed") return void later(run_id);
      if (rejection !== undefined) throw new Fault(rejection.code, rejection.message);
      if (due === undefined) return;
      if (due.kind === "wait") {
        parked.set(run_id, due.until_ms);
        return;
      }
      known = await act(run_id, due, driven);
    }
    if (!stop.aborted) later(run_id);
  };

  /** Acts on the world and gives what records how it went; undefined: nothing to record. */
  const act = async (
    run_id: string,
    due: Exclude<Due, { kind: "wait" }>,
    driven: Driven,
  ): Promise<Known | undefined> => {
    if (due.kind === "post_note") {
      const noted = await postNote(options, engine_id, run_id, due, driven.controller.signal);
      return noted && { command: noted, besides: [] };
    }
    const outcome = await attemptStep(attempts, run_id, due, driven);
    driven.progress = null;
    const { step_id } = due.step;
    const ended = outcomeCommand(attempts, step_id, due.attempt, outcome);
    const used = { run_id, step_id, usage: driven.usage, at_ms: clock.now_ms() };
    return ended && { command: ended, besides: usageTasks(due.state.created?.install_id, used) };
  };

  /** A bug or a refused write must not leave a run open for ever: it fails, or is looked at again later. */
  const giveUp = async (run_id: string, error: unknown, stop: AbortSignal): Promise<void> => {
    if (stop.aborted) return;
    report(error);
    if (error instanceof Fault && error.retryable) {
      later(run_id);
      return;
    }
    const known = error instanceof Fault;
    const message = known ? clip(error.message, 2_000) : "the run stopped in a way it should not; see the worker's log";
    const failure: RunCommand = {
      ...{ type: "fail", engine_id, step_id: null },
      code: known ? error.code : "internal",
      message,
    };
    try {
      if ((await record(run_id, [command(run_id, failure)], stop)) !== undefined) later(run_id);
    } catch (again) {
      report(again);
      later(run_id);
    }
  };
  const later = (run_id: string): unknown => parked.set(run_id, clock.now_ms() + RETRY_MOST_MS);

  const launch = (run_id: string, changed: () => void, stop: AbortSignal): void => {
    const driven: Driven = { ...watch(clock), done: Promise.resolve() };
    active.set(run_id, driven);
    parked.delete(run_id);
    driven.done = drive(run_id, driven, stop)
      .catch((error: unknown) => giveUp(run_id, error, stop))
      .finally(() => {
        active.delete(run_id);
        changed();
      });
  };

  return {
    pump: (open, concurrency, changed, stop) => {
      const now_ms = clock.now_ms();
      pumped = { changed, stop };
      for (const run_id of open) {
        // One that is held at a checkpoint leaves its place to others.
        if ([...active.values()].filter(({ gate }) => !gate.isHolding()).length >= concurrency) break;
        if (!active.has(run_id) && (parked.get(run_id) ?? 0) <= now_ms) launch(run_id, changed, stop);
      }
      const waits = [...parked.values()].map((at_ms) => at_ms - now_ms).filter((wait_ms) => wait_ms > 0);
      return Math.min(LIMITS.engine_poll_ms, ...waits);
    },
    cancel: (run_id, reason) => {
      const driven = active.get(run_id);
      if (driven !== undefined) driven.controller.abort(new Fault("canceled", `the run was canceled: ${reason}`));
      // One that only waits ends at once, however many others are running.
      else if (pumped !== null && !pumped.stop.aborted) launch(run_id, pumped.changed, pumped.stop);
    },
    quarantine: (install_id, reason) => {
      const fault = new Fault(
        "install_quarantined",
        `the install is quarantined: ${reason}; what was under way may have taken effect`,
      );
      for (const [run_id, { controller }] of active) {
        if (store.load(runDecider, run_id).created?.install_id === install_id) controller.abort(fault);
      }
    },
    hold: (run_id) => active.get(run_id)?.gate.shut(),
    go: (run_id) => active.get(run_id)?.gate.open(),
    busy: () => active.size + parked.size,
    drain: async () => {
      for (const { controller } of active.values()) {
        controller.abort(new Fault("interrupted", "the worker is stopping", { retryable: true }));
      }
      await Promise.all([...active.values()].map(({ done }) => done));
    },
    onEnd: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    progress: (run_id) => active.get(run_id)?.progress ?? null,
  };
}

/** Whether the run's install was removed since. */
export function isRemoved(load: EventStore["load"], { created }: RunState): boolean {
  return created?.install_id != null && load(installDecider, created.install_id).status === "removed";
}

/** What a run is told of a step that the policy gate has judged; null: it goes on as it would. */
export function judgedCommands(
  { engine_id, run_id, now_ms }: { readonly engine_id: string; readonly run_id: string; readonly now_ms: number },
  { step, attempt }: Extract<RunStep, { kind: "perform" }>,
  judged: Judgement,
): readonly RunCommand[] | null {
  const { step_id } = step;
  switch (judged.kind) {
    case "go":
      return null;
    case "wait":
      return [{ type: "pause", by: "approval", reason: judged.reason }];
    case "stop": {
      const { code, message } = judged.fault;
      const failure = { code, message: clip(message, 2_000), retryable: false, now_ms, jitter: 0 };
      return [
        { type: "start_step", engine_id, run_id, step_id, params: {} },
        { type: "fail_step", engine_id, step_id, attempt, ...failure },
      ];
    }
    default:
      return assertNever(judged);
  }
}
