import type { EventContext } from "@oa/shared/core/envelope.ts";
import { type EventStore, type Task, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { type ScheduleCommand, scheduleDecider, scheduleSubject } from "@oa/shared/schedule/decider.ts";
import { dueInstalls, nextStart, type UnstartedFire, unstartedFires } from "@oa/shared/schedule/views.ts";
import type { MonotonicClock } from "../adapters/clock.ts";

export interface SchedulePorts {
  readonly store: EventStore;
  readonly sql: Sql;
  /** Runs `body` durably; what is queued together is committed together. */
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly clock: MonotonicClock;
  readonly workspace_id: string;
  /** How many runs of the install have not finished. */
  readonly activeRuns: (install_id: string) => number;
  /** Starts a run. Asked twice for one install and due time, it answers with the one run. */
  readonly start: (
    install_id: string,
    reason: UnstartedFire["reason"],
    options: { readonly due_ms: number },
  ) => Promise<{ readonly run_id: string } | Rejection>;
  /** Told of what went wrong; the loop goes on and tries again. */
  readonly report: (error: unknown) => void;
}

export interface ScheduleLoop {
  /** Decides about everything that is due and starts what fires. Resolves to how long there is nothing to do. */
  readonly tick: () => Promise<number>;
  /** Ends the sleep: a schedule has changed. */
  readonly wake: () => void;
  /** Ticks until the signal aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/**
 * The loop that starts installs when they are due. It never sleeps longer than `LIMITS.schedule_sleep_ms` and compares
 * wall time with monotonic time, so a sleeping machine or a clock that is set is noticed and recorded. All that it
 * knows is in the log: after a crash it goes on with what was decided and not yet started.
 */
export function openScheduleLoop(ports: SchedulePorts): ScheduleLoop {
  const { sql, clock } = ports;
  const jump = watchClock(clock);
  let alarm = new AbortController();

  const tick = async (): Promise<number> => {
    const now_ms = clock.now_ms();
    const clock_jump_ms = jump();
    const due = dueInstalls(sql, now_ms, LIMITS.schedule_batch);
    const decided = await Promise.allSettled(
      due.map((install_id) => {
        const active_runs = ports.activeRuns(install_id);
        return append(ports, install_id, now_ms, { type: "check", now_ms, active_runs, clock_jump_ms });
      }),
    );
    for (const result of decided) if (result.status === "rejected") ports.report(result.reason);
    for (const fire of unstartedFires(sql, LIMITS.schedule_batch)) await startRun(ports, fire);
    const wait_ms = (nextStart(sql) ?? Number.POSITIVE_INFINITY) - clock.now_ms();
    if (wait_ms > 0) return Math.min(wait_ms, LIMITS.schedule_sleep_ms);
    // More is due: at once, unless nothing could be decided.
    const progress = decided.some((result) => result.status === "fulfilled" && result.value > 0);
    return progress ? 0 : LIMITS.schedule_retry_ms;
  };

  return {
    tick,
    wake: () => alarm.abort(),
    run: async (signal) => {
      while (!signal.aborted) {
        alarm = new AbortController();
        const wait_ms = await tick().catch((error) => {
          ports.report(error);
          return LIMITS.schedule_sleep_ms;
        });
        await clock.sleep(wait_ms, AbortSignal.any([signal, alarm.signal]));
      }
    },
  };
}

/** Puts an install on a schedule, or takes it off, as part of the transaction that enables or disables it. */
export function scheduleTask(install_id: string, command: ScheduleCommand): Task {
  return task(scheduleDecider, scheduleSubject(install_id), command);
}

async function startRun(ports: SchedulePorts, fire: UnstartedFire): Promise<void> {
  const { install_id, reason, due_ms } = fire;
  try {
    const answer = await ports.start(install_id, reason, { due_ms });
    const now_ms = ports.clock.now_ms();
    if (isRejection(answer)) {
      const { code, message } = answer;
      await append(ports, install_id, now_ms, { type: "record_refusal", due_ms, code, message });
    } else await append(ports, install_id, now_ms, { type: "record_start", due_ms, run_id: answer.run_id });
  } catch (error) {
    ports.report(error); // the fire stays unstarted, so the next tick tries again
  }
}

/** How many events a command wrote. */
async function append(
  ports: SchedulePorts,
  install_id: string,
  now_ms: number,
  command: ScheduleCommand,
): Promise<number> {
  const context: EventContext = {
    now_ms,
    workspace_id: ports.workspace_id,
    stream_type: "workspace",
    stream_id: ports.workspace_id,
    actor_type: "service",
    actor_id: "scheduler",
    correlation_id: install_id,
  };
  const recorded = await ports.commit(() => ports.store.handle(context, [scheduleTask(install_id, command)]));
  if (!isRejection(recorded)) return recorded.length;
  ports.report(new Fault(recorded.code, recorded.message));
  return 0;
}

/** Asked at each tick: how far wall time has run ahead of monotonic time since the last, 0 for clocks' usual drift. */
function watchClock(clock: MonotonicClock): () => number {
  let offset_ms = clock.now_ms() - clock.monotonic_ms();
  return () => {
    const now_ms = clock.now_ms() - clock.monotonic_ms();
    const jump_ms = Math.round(now_ms - offset_ms);
    offset_ms = now_ms;
    return Math.abs(jump_ms) > LIMITS.schedule_clock_jump_ms ? jump_ms : 0;
  };
}
