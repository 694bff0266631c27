import type { EventContext } from "@oa/shared/core/envelope.ts";
import { type Task, task } from "@oa/shared/core/event-store.ts";
import { foldAll } from "@oa/shared/core/fold.ts";
import { newId } from "@oa/shared/core/id.ts";
import type { Json } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { assertNever, Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import { resolveWiring } from "@oa/shared/core/wiring.ts";
import type { RunEvent } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { toEvent } from "@oa/shared/nostr/00001-note.ts";
import { type RunCommand, runDecider } from "@oa/shared/run/decider.ts";
import { idempotencyKey, type RunState, type RunStep, runProcess } from "@oa/shared/run/process.ts";
import type { EngineOptions } from "../engine.ts";
import { type Attempt, type Outcome, perform } from "./perform.ts";

/** How far a running step has come, as its op reports it. Shown, never stored. */
export interface Progress {
  readonly step_id: string;
  readonly done: number;
  readonly total: number | null;
  readonly unit: string;
}

/** Drives runs: fold, perform what is next, append, repeat. One run is driven at most once at a time. */
export interface Driver {
  /**
   * Starts driving runs of `open`, in order, while there is room, and returns after how many milliseconds the next
   * waiting run is due. `changed` is called when room has come free.
   */
  readonly pump: (open: readonly string[], concurrency: number, changed: () => void, stop: AbortSignal) => number;
  /** Aborts the running step of a run whose cancellation was recorded; one that waits is ended at once. */
  readonly cancel: (run_id: string, reason: string) => void;
  /** How many runs are driven or wait for a time. */
  readonly busy: () => number;
  /** Aborts what is running, since the worker stops, and resolves when all of it has let go. */
  readonly drain: () => Promise<void>;
  /** Calls `listener` whenever a run has ended; gives the way to stop that. */
  readonly onEnd: (listener: () => void) => () => void;
  readonly progress: (run_id: string) => Progress | null;
}

interface Driven {
  readonly controller: AbortController;
  done: Promise<void>;
  progress: Progress | null;
}

type Wired = Readonly<Record<string, unknown>> | Fault;
/** What is to be done for a run that is not bookkeeping, with its state; a step's parameters as its start recorded them. */
type Due = { readonly state: RunState } & (
  | Extract<RunStep, { kind: "wait" | "post_note" }>
  | (Extract<RunStep, { kind: "perform" }> & { readonly wired: Wired })
);

const ENDS: ReadonlySet<string> = new Set(["run.completed", "run.failed", "run.canceled"]);
const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 30_000;

export function openDriver(options: EngineOptions, engine_id: string): Driver {
  const { store, database, clock, random, config, report } = options;
  const active = new Map<string, Driven>();
  const parked = new Map<string, number>();
  const listeners = new Set<() => void>();
  let pumped: { readonly changed: () => void; readonly stop: AbortSignal } | null = null;

  const context = (run_id: string): EventContext => ({
    now_ms: clock.now_ms(),
    workspace_id: config.workspace_id,
    stream_type: "workspace",
    stream_id: config.workspace_id,
    actor_type: "service",
    actor_id: config.worker,
    correlation_id: run_id,
  });

  /**
   * Appends, trying again while the disk is full or the database busy: an outcome that is known must not be lost. Gives
   * up when the worker stops.
   */
  const record = async (run_id: string, tasks: readonly Task[], stop: AbortSignal): Promise<Rejection | undefined> => {
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

  /**
   * Everything that needs no effect, in the transaction of whatever led to it: the outcome of one step and the start of
   * the next are one commit. `keep` gets the effect that is due then.
   */
  const onward = (run_id: string, stop: AbortSignal, keep: (due: Due | undefined) => void): Task => ({
    subject_id: run_id,
    run: (load) => {
      const drafts: RunEvent[] = [];
      for (let state = load(runDecider, run_id); ; ) {
        const step = runProcess.next(state, clock.now_ms());
        if (step === undefined || step.kind === "wait" || step.kind === "post_note" || stop.aborted) {
          keep(step?.kind === "wait" || step?.kind === "post_note" ? { ...step, state } : undefined);
          return drafts;
        }
        const wired = step.kind === "perform" ? wire(run_id, state, step.step.params) : {};
        const events = runDecider.decide(state, bookkeeping(run_id, state, step, wired));
        if (isRejection(events)) return events;
        drafts.push(...events);
        state = foldAll(runDecider, events, state);
        if (events.some(({ event_type }) => event_type === "step.started") && step.kind === "perform") {
          keep({ ...step, wired, state });
          return drafts;
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
        if (isRemoved(state)) return { type: "cancel", reason: "its install was removed" };
        return {
          ...{ type: "start_step", engine_id, run_id, step_id: step.step.step_id },
          params: wired instanceof Fault ? {} : wired,
        };
      case "settle_interrupted":
        return { type: "settle_interrupted", engine_id, step_id: step.step_id, now_ms: clock.now_ms() };
      case "complete":
        return { type: "complete", engine_id, note_relays: noteRelays(state) };
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
    const keep = (next: Due | undefined): void => {
      due = next;
    };
    let asked: RunCommand | undefined = { type: "claim", engine_id, now_ms: clock.now_ms(), takeover: true };
    while (asked !== undefined) {
      const rejection = await record(run_id, [command(run_id, asked), onward(run_id, stop, keep)], stop);
      if (rejection?.code === "lease_lost" || rejection?.code === "run_finished") return;
      if (rejection !== undefined) throw new Fault(rejection.code, rejection.message);
      if (due === undefined) return;
      if (due.kind === "wait") {
        parked.set(run_id, due.until_ms);
        return;
      }
      asked = await act(run_id, due, driven);
    }
    if (!stop.aborted) later(run_id);
  };

  /** Acts on the world and gives the command that records how it went; undefined: nothing to record. */
  const act = async (
    run_id: string,
    due: Exclude<Due, { kind: "wait" }>,
    driven: Driven,
  ): Promise<RunCommand | undefined> => {
    if (due.kind === "post_note") return postNote(run_id, due, driven.controller.signal);
    const outcome = await attemptStep(run_id, due, driven);
    const by = { engine_id, step_id: due.step.step_id, attempt: due.attempt };
    switch (outcome.kind) {
      case "stopped":
        return undefined;
      case "succeeded": {
        const { result, duration_ms } = outcome;
        return { type: "succeed_step", ...by, result, duration_ms };
      }
      case "failed": {
        const { code, message, retryable } = outcome;
        const jitter = (random(1)[0] ?? 0) / 256;
        return { type: "fail_step", ...by, code, message, retryable, now_ms: clock.now_ms(), jitter };
      }
      default:
        return assertNever(outcome);
    }
  };

  /** Acts once. The start, which for an external write is its intent, has been recorded. */
  const attemptStep = async (
    run_id: string,
    { state, step: plan, wired }: Extract<Due, { kind: "perform" }>,
    driven: Driven,
  ): Promise<Outcome> => {
    const { step_id } = plan;
    const stop = driven.controller.signal;
    if (wired instanceof Fault) return failed(wired);
    const [op, contract] = [options.ops[plan.op], options.contractOf(plan.op)];
    if (op === undefined || contract === undefined) {
      return failed(new Fault("not_found", `this worker has no op ${plan.op}`));
    }
    const pending: Promise<unknown>[] = [];
    const grant = state.created?.grant ?? [];
    const attempt: Attempt = {
      ...{ run_id, plan, params: wired, grant, op, contract, clock, report },
      idempotency_key: idempotencyKey(run_id, step_id),
      effects: options.effects(grant),
      signal: stop,
      log: logger(run_id, step_id, state.log_lines, pending, stop),
      progress: (done, total, unit) => {
        driven.progress = { step_id, done, total, unit };
      },
      artifact: async (name, media_type, bytes) => {
        const stored = await options.artifacts.put(bytes);
        const artifact = {
          artifact_id: newId("art", clock.now_ms(), random),
          name: clip(name, 200),
          media_type,
          ...stored,
        };
        const added: RunCommand = { type: "add_artifact", engine_id, step_id, artifact };
        const rejected = await record(run_id, [command(run_id, added)], stop);
        if (rejected !== undefined) throw new Fault(rejected.code, rejected.message);
        return artifact;
      },
    };
    const outcome = await perform(attempt);
    driven.progress = null;
    await Promise.all(pending); // what a step said comes before how it ended
    return outcome;
  };

  /** Keeps a bounded number of lines; a line that cannot be kept is reported and does not fail the step. */
  const logger = (
    run_id: string,
    step_id: string,
    already: number,
    pending: Promise<unknown>[],
    stop: AbortSignal,
  ): Attempt["log"] => {
    let lines = already;
    return (level, text, fields) => {
      lines += 1;
      if (lines > LIMITS.run_log_lines + 1) return;
      const message = clip(text, LIMITS.run_log_chars);
      const line = fields === undefined ? { message } : { message, fields: bounded(fields) };
      const said = command(run_id, { type: "log", engine_id, step_id, level, line });
      pending.push(record(run_id, [said], stop).catch(report));
    };
  };

  const isRemoved = ({ created }: RunState): boolean =>
    created?.install_id != null && store.load(installDecider, created.install_id).status === "removed";

  const noteRelays = ({ created }: RunState): readonly string[] => {
    if (created === null || created.release_event_id === null) return [];
    const { active: release } = store.load(installDecider, created.install_id ?? "");
    return release?.pins.completion_relays ?? config.completion_note_relays;
  };

  const postNote = async (
    run_id: string,
    { relays, attempt, state: { created } }: Extract<Due, { kind: "post_note" }>,
    signal: AbortSignal,
  ): Promise<RunCommand | undefined> => {
    const completed = store.bySubject(run_id).find(({ event_type }) => event_type === "run.completed");
    if (created?.release_event_id == null || completed === undefined) return undefined;
    const { upgrade_address: listing, title, upgrade_version: version, release_event_id, manifest_sha256 } = created;
    const note = { listing, title, version, release_event_id, manifest_sha256, outcome: "succeeded" } as const;
    // The time comes from the log, so that a note posted again after a crash is the same event.
    const created_at = Math.floor(Date.parse(completed.occurred_at) / 1000);
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMITS.note_timeout_ms)]);
      const sent = await options.notes.publish(toEvent(note, { created_at }), { relays, created_at, signal: limit });
      if (sent.accepted.length > 0) {
        return {
          type: "note_posted",
          engine_id,
          note_event_id: sent.event_id,
          accepted: sent.accepted,
          refused: sent.refused,
        };
      }
      const message = clip(`no relay took the completion note: ${sent.refused.join("; ")}`, 2_000);
      return { type: "note_failed", engine_id, attempt, code: "note_not_posted", message, now_ms: clock.now_ms() };
    } catch (error) {
      if (signal.aborted) return undefined;
      report(error);
      const message = error instanceof Fault ? clip(error.message, 2_000) : "the completion note could not be posted";
      return { type: "note_failed", engine_id, attempt, code: "note_not_posted", message, now_ms: clock.now_ms() };
    }
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
    const driven: Driven = { controller: new AbortController(), done: Promise.resolve(), progress: null };
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
        if (active.size >= concurrency) break;
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

function wire(run_id: string, state: RunState, params: object): Wired {
  const scope = { inputs: (state.created?.inputs ?? {}) as never, steps: state.results, run: { id: run_id } };
  try {
    return resolveWiring(params as Json, scope) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
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
