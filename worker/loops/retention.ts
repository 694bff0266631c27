import { approvalsOf } from "@oa/shared/approval/views.ts";
import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { forgetValues, forgetValuesUntil } from "@oa/shared/core/sealed-values.ts";
import type { RetainedRun } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { keptStates, stateChain } from "@oa/shared/install/own-state.ts";
import {
  RETENTION_SUBJECT,
  type RetentionCommand,
  retentionCutoff,
  retentionDays,
  retentionDecider,
} from "@oa/shared/retention/decider.ts";
import { countOpenRuns } from "@oa/shared/run/views.ts";
import { triggerSubject } from "@oa/shared/trigger/decider.ts";
import { areTriggersSettled, triggeredInstalls } from "@oa/shared/trigger/views.ts";
import type { Artifacts } from "../adapters/artifacts.ts";
import type { Clock } from "../adapters/clock.ts";
import type { OwnStates } from "../adapters/own-states.ts";
import type { SqliteDatabase } from "../adapters/sqlite.ts";

export interface RetentionOptions {
  readonly store: EventStore;
  readonly database: SqliteDatabase;
  readonly artifacts: Pick<Artifacts, "sweep">;
  readonly states: Pick<OwnStates, "sweep">;
  readonly clock: Clock;
  readonly report: (error: unknown) => void;
  readonly workspace_id: string;
  readonly worker: string;
  /** For runs whose upgrade does not say; null: kept. */
  readonly retention_days: number | null;
}

export interface RetentionLoop {
  /** Deletes what is over its time, now; resolves to how many runs that were. Faults: those of the database. */
  readonly apply: (signal: AbortSignal) => Promise<number>;
  /** Does so once an hour until the signal aborts. Never throws. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/**
 * Deletes the values and outputs of finished runs when their upgrade's time for them is over, in small batches. What
 * happened stays in the log, whose chain holds commitments; what it was about goes, and so does what triggers noticed.
 * So do the files that releases kept for themselves which run no more and cannot be gone back to.
 */
export function openRetentionLoop(options: RetentionOptions): RetentionLoop {
  const { store, database, clock } = options;
  /** By install: until which of its triggers' events nothing is left to delete. */
  const looked = new Map<string, number>();
  const until = (days: number): string => new Date(Math.max(0, retentionCutoff(days, clock.now_ms()))).toISOString();
  const record = (command: RetentionCommand): void => {
    const by = { actor_type: "service", actor_id: options.worker, correlation_id: RETENTION_SUBJECT } as const;
    const context = inWorkspace(options.workspace_id, { now_ms: clock.now_ms(), ...by });
    const recorded = store.handle(context, [task(retentionDecider, RETENTION_SUBJECT, command)]);
    // Thrown, so that the deletion is undone with it.
    if (isRejection(recorded)) throw new Fault(recorded.code, recorded.message);
  };

  const over = (install_id: string | null, days: number): readonly Omit<RetainedRun, "values">[] =>
    database.all<{ run_id: string; days: number; artifacts: number }>(
      `SELECT run_id, ? AS days, (SELECT count(*) FROM proj_artifacts WHERE proj_artifacts.run_id = proj_runs.run_id)
         AS artifacts FROM proj_runs
       WHERE install_id IS ? AND status IN ('succeeded', 'failed', 'canceled') AND note IS NOT 'pending'
         AND finished_at <= ? AND run_id NOT IN (SELECT run_id FROM proj_retention)
       ORDER BY run_id LIMIT ?`,
      days,
      install_id,
      until(days),
      LIMITS.retention_batch,
    );

  /** What its steps took and gave, and what their owner was asked about them; how many values that was. */
  const forget = (run_id: string): number =>
    [run_id, ...approvalsOf(database, run_id)].reduce((sum, subject) => sum + forgetValues(database, subject), 0);

  const batch = (install_id: string | null, days: number): Promise<number> =>
    database.commit(() => {
      const runs = over(install_id, days).map((run) => ({ ...run, values: forget(run.run_id) }));
      record({ type: "apply", runs });
      return runs.length;
    });

  const daysOf = (install_id: string | null): number | null => {
    const manifest = install_id === null ? null : store.load(installDecider, install_id).active?.manifest;
    return retentionDays(manifest ?? null, options.retention_days);
  };

  /** The files that triggers noticed. Nostr events stay known: one that came again would start a run again. */
  const forgetCauses = async (install_id: string, days: number, signal: AbortSignal): Promise<void> => {
    const now = new Date(clock.now_ms()).toISOString();
    const of = { field: "cause", kind: "file_change", until: until(days), now };
    let after = looked.get(install_id) ?? 0;
    for (let more = true; more && !signal.aborted; ) {
      const from = after;
      const page = await database.commit(() => {
        if (!areTriggersSettled(database, install_id)) return null;
        const done = forgetValuesUntil(database, triggerSubject(install_id), of, from);
        record({ type: "apply_to_causes", install_id, days, values: done.values });
        return done;
      });
      if (page === null) return;
      if (from === (looked.get(install_id) ?? 0)) looked.set(install_id, page.all_until);
      ({ after, more } = page);
    }
  };

  const apply: RetentionLoop["apply"] = async (signal) => {
    const installs = database.all<{ install_id: string | null }>("SELECT DISTINCT install_id FROM proj_runs");
    let runs = 0;
    // What is deleted is overwritten too, in the file and not only in its table of contents.
    database.all("PRAGMA secure_delete = ON");
    try {
      for (const { install_id } of installs) {
        const days = daysOf(install_id);
        if (days === null) continue;
        for (let done: number = LIMITS.retention_batch; done === LIMITS.retention_batch && !signal.aborted; ) {
          done = await batch(install_id, days);
          runs += done;
        }
      }
      for (const install_id of triggeredInstalls(database)) {
        const days = daysOf(install_id);
        if (days !== null) await forgetCauses(install_id, days, signal);
      }
    } finally {
      database.all("PRAGMA secure_delete = FAST");
    }
    // Also where nothing was deleted now: a worker that was killed may have left it undone.
    database.all("PRAGMA wal_checkpoint(TRUNCATE)");
    await options.states.sweep((install_id) => neededStates(options, install_id));
    await options.artifacts.sweep(keptHashes(database), clock.now_ms() - LIMITS.retention_artifact_ms);
    return runs;
  };

  return {
    apply,
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await apply(signal);
        } catch (error) {
          options.report(error);
        }
        await clock.sleep(LIMITS.retention_ms, signal);
      }
    },
  };
}

/**
 * The states of an install that releases run with, or can be gone back to with; none once it is removed. Null while a run
 * of it is open: it keeps the release it was started with.
 */
function neededStates(
  { store, database }: Pick<RetentionOptions, "store" | "database">,
  install_id: string,
): readonly (readonly number[])[] | null {
  if (countOpenRuns(database, install_id) > 0) return null;
  const install = store.load(installDecider, install_id);
  return keptStates(install).flatMap(({ pins }) => [stateChain(install, pins.release_event_id) ?? []]);
}

/** The outputs of every run that is kept. */
function keptHashes(database: SqliteDatabase): ReadonlySet<string> {
  const rows = database.all<{ sha256: string }>(
    "SELECT DISTINCT sha256 FROM proj_artifacts WHERE run_id NOT IN (SELECT run_id FROM proj_retention)",
  );
  return new Set(rows.map(({ sha256 }) => sha256));
}
