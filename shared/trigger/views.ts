import type { EventDraft, Recorded } from "../core/envelope.ts";
import { canonicalize } from "../core/json.ts";
import type { Projection } from "../core/projection.ts";
import { keptJson, one, type Sql, type SqlValue } from "../core/sql.ts";
import type { TriggerEvent, TriggerWatch, WatchRefusal } from "../generated/types.ts";
import { TRIGGER_LOG_DDL, TRIGGER_LOG_TABLE, writeTriggerLog } from "./log.ts";

/** An install's triggers as lists show them. Times are Unix milliseconds. */
export interface TriggerView {
  readonly install_id: string;
  readonly watches: readonly TriggerWatch[];
  readonly since_ms: number;
  /** By trigger: why it cannot be watched for now. */
  readonly failures: Readonly<Record<string, WatchRefusal>>;
  /** How many causes wait for a run. */
  readonly pending: number;
  /** What they wait for, besides a run that is active. */
  readonly deferred: "rate" | "window" | "constraints" | null;
  readonly fires: number;
  readonly last_fire_ms: number | null;
  readonly last_run_id: string | null;
  /** Why the last fire started no run. */
  readonly last_code: string | null;
}

/** `proj_triggers`: who waits, and who has fired without a run. Causes are not copied here: they must stay deletable. */
export const triggerProjection: Projection = {
  name: "triggers",
  tables: ["proj_triggers", TRIGGER_LOG_TABLE],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_triggers (
       install_id TEXT PRIMARY KEY, watches TEXT, since_ms INTEGER NOT NULL, pending INTEGER NOT NULL,
       deferred TEXT, fires INTEGER NOT NULL, last_fire_ms INTEGER, last_run_id TEXT, last_code TEXT,
       unstarted INTEGER, failures TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID`,
    `CREATE INDEX IF NOT EXISTS proj_triggers_open ON proj_triggers (install_id)
       WHERE pending > 0 OR unstarted IS NOT NULL`,
    ...TRIGGER_LOG_DDL,
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  if (!recorded.event_type.startsWith("trigger.")) return;
  const event = recorded as Recorded<TriggerEvent>;
  writeTriggerLog(sql, event);
  const set = (assignments: string, ...values: readonly SqlValue[]): void =>
    sql.run(`UPDATE proj_triggers SET ${assignments} WHERE install_id = ?`, ...values, event.data.install_id);
  switch (event.event_type) {
    case "trigger.set": {
      const { install_id, watches, at_ms } = event.data;
      sql.run(
        `INSERT INTO proj_triggers VALUES (?, ?, ?, 0, NULL, 0, NULL, NULL, NULL, NULL, '{}')
         ON CONFLICT (install_id) DO UPDATE SET watches = excluded.watches, since_ms = excluded.since_ms, pending = 0,
           deferred = NULL, unstarted = NULL, failures = '{}'`,
        install_id,
        canonicalize(watches),
        at_ms,
      );
      break;
    }
    case "trigger.cleared":
      set("watches = NULL, pending = 0, deferred = NULL, unstarted = NULL, failures = '{}'");
      break;
    case "trigger.noted":
      set("pending = pending + 1");
      break;
    case "trigger.watch_failed":
      set(
        `failures = json_set(failures, '$."${event.data.trigger}"', json(?))`,
        canonicalize({ ...event.data.refusal }),
      );
      break;
    case "trigger.watch_restored":
      set(`failures = json_remove(failures, '$."${event.data.trigger}"')`);
      break;
    case "trigger.deferred":
      set("deferred = ?", event.data.reason);
      break;
    case "trigger.fired":
      set(
        `pending = 0, deferred = NULL, fires = fires + 1, last_fire_ms = ?, last_run_id = NULL,
         last_code = NULL, unstarted = ?`,
        event.data.at_ms,
        event.data.fire,
      );
      break;
    case "trigger.run_started":
      set("last_run_id = ?, unstarted = NULL", event.data.run_id);
      break;
    case "trigger.run_refused":
      set("last_code = ?, unstarted = NULL, pending = pending + ?", event.data.code, event.data.again ? 1 : 0);
  }
}

/** Installs with something to decide or to start, in the order of their ids, at most `limit` after the one named. */
export function openTriggers(sql: Sql, limit: number, after = ""): readonly string[] {
  return sql
    .all<{ install_id: string }>(
      `SELECT install_id FROM proj_triggers WHERE (pending > 0 OR unstarted IS NOT NULL) AND install_id > ?
       ORDER BY install_id LIMIT ?`,
      after,
      limit,
    )
    .map(({ install_id }) => install_id);
}

/** Installs whose triggers are watched, at most `limit`. */
export function watchedInstalls(sql: Sql, limit: number): readonly string[] {
  return sql
    .all<{ install_id: string }>(
      "SELECT install_id FROM proj_triggers WHERE watches IS NOT NULL ORDER BY install_id LIMIT ?",
      limit,
    )
    .map(({ install_id }) => install_id);
}

/** One install's triggers, or null where it has none. */
export function getTriggers(sql: Sql, install_id: string): TriggerView | null {
  const row = one(sql, "SELECT * FROM proj_triggers WHERE install_id = ? AND watches IS NOT NULL", install_id);
  if (row === undefined) return null;
  const { watches, failures, unstarted: _, ...rest } = row;
  const parsed = { watches: keptJson(watches), failures: keptJson(failures) };
  return { ...rest, ...parsed } as unknown as TriggerView;
}

/** Every install that has or had triggers. */
export function triggeredInstalls(sql: Sql): readonly string[] {
  return sql.all<{ install_id: string }>("SELECT install_id FROM proj_triggers").map(({ install_id }) => install_id);
}

/** Whether no run is to come any more of what an install's triggers have noticed. */
export function areTriggersSettled(sql: Sql, install_id: string): boolean {
  const settled = "SELECT 1 AS yes FROM proj_triggers WHERE install_id = ? AND pending = 0 AND unstarted IS NULL";
  return one(sql, settled, install_id) !== undefined;
}
