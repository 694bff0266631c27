import type { EventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { measurement } from "@oa/shared/core/measurement.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { ConstraintTrace, RunPaused, ScheduleConstraints, ScheduleOnUnknown } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { scheduleOf } from "@oa/shared/install/state.ts";
import { countOpenRuns, watchedRuns } from "@oa/shared/run/views.ts";
import { evaluateConstraints, sensorsFor } from "@oa/shared/schedule/constraints.ts";
import type { Clock } from "../adapters/clock.ts";
import type { EngineOptions } from "./options.ts";

export type PausedBy = RunPaused["data"]["by"];

interface Watch extends Pick<EngineOptions, "measure" | "report"> {
  readonly store: EventStore;
  readonly sql: Sql;
  readonly clock: Clock;
  /** Resolves once a run may have begun, or the signal aborts. */
  readonly idle: (signal: AbortSignal) => Promise<void>;
  readonly pause: (run_id: string, by: PausedBy, reason: string) => Promise<undefined | Rejection>;
  readonly resume: (run_id: string, by: PausedBy, reason: string) => Promise<undefined | Rejection>;
}

/**
 * Pauses a run while its schedule's `plugged_in` or `suspend_if_active` is not met, and resumes it once it is. The other
 * constraints decide about starts alone, and a run that its owner asked for by hand is not held back. Without any run
 * it rests. Never throws; ends with the signal.
 */
export async function watchMachine(watch: Watch, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let resting = false;
    try {
      resting = countOpenRuns(watch.sql) === 0;
      if (!resting) await look(watch, signal);
    } catch (error) {
      watch.report(error);
    }
    if (resting) await watch.idle(signal);
    else await watch.clock.sleep(LIMITS.run_watch_ms, signal);
  }
}

async function look({ store, sql, measure, pause, resume }: Watch, signal: AbortSignal): Promise<void> {
  const watched = watchedRuns(sql).map((run) => ({ ...run, ...whileRunning(store, run.install_id) }));
  const sensors = [...new Set(watched.flatMap(({ constraints }) => sensorsFor(constraints)))];
  const readings = sensors.length === 0 ? {} : await measure(sensors, signal);
  if (signal.aborted) return;
  for (const { run_id, paused_by, constraints: declared, on_unknown } of watched) {
    const { verdict, constraints } = evaluateConstraints(declared, readings, on_unknown);
    if (verdict === "wait" && paused_by === null) await orFinished(pause(run_id, "machine", whyNot(constraints)));
    if (verdict === "start" && paused_by !== null) {
      await orFinished(resume(run_id, "machine", "its constraints are met again"));
    }
  }
}

/** A run that ended meanwhile needs nothing more. */
async function orFinished(asked: Promise<undefined | Rejection>): Promise<void> {
  const refused = await asked;
  if (isRejection(refused) && refused.code !== "run_finished") throw new Error(refused.message);
}

/** The constraints that hold while a run goes on. */
function whileRunning(
  store: EventStore,
  install_id: string,
): { readonly constraints: ScheduleConstraints; readonly on_unknown: ScheduleOnUnknown } {
  const { constraints, on_unknown = "wait" } = scheduleOf(store.load(installDecider, install_id)) ?? {};
  const { plugged_in, suspend_if_active } = constraints ?? {};
  return {
    constraints: {
      ...(plugged_in === undefined ? {} : { plugged_in }),
      ...(suspend_if_active === undefined ? {} : { suspend_if_active }),
    },
    on_unknown,
  };
}

function whyNot(constraints: readonly ConstraintTrace[]): string {
  const unmet = constraints.filter(({ met }) => met !== "yes");
  return unmet.map(measurement).join("; ");
}
