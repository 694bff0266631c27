import type { EventDraft, Recorded } from "../core/envelope.ts";
import { canonicalize } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import type { Projection } from "../core/projection.ts";
import { one, type Sql, type SqlValue } from "../core/sql.ts";
import type { CronSchedule, ScheduleDue, ScheduleEvent, ScheduleFired, ScheduleTrace } from "../generated/types.ts";

/** A schedule as lists show it. Times are Unix milliseconds; `next_due_ms` is the cron time, `next_fire_ms` the start. */
export interface ScheduleView {
  readonly install_id: string;
  readonly schedule: CronSchedule;
  readonly next_due_ms: number | null;
  readonly next_fire_ms: number | null;
  /** The due time decided last, and what came of it. */
  readonly last_due_ms: number | null;
  readonly last_outcome: ScheduleTrace["outcome"] | null;
}

/** A fire whose run has not been started yet. */
export interface UnstartedFire {
  readonly install_id: string;
  readonly due_ms: number;
  readonly reason: ScheduleFired["data"]["reason"];
}

/** `proj_schedules`: what is due next is one step down an index. */
export const scheduleProjection: Projection = {
  name: "schedules",
  tables: ["proj_schedules"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_schedules (
       install_id TEXT PRIMARY KEY, schedule TEXT NOT NULL, next_due_ms INTEGER, next_fire_ms INTEGER,
       at_ms INTEGER NOT NULL, last_due_ms INTEGER, last_outcome TEXT,
       unstarted_due_ms INTEGER, unstarted_reason TEXT) WITHOUT ROWID`,
    `CREATE INDEX IF NOT EXISTS proj_schedules_next ON proj_schedules (next_fire_ms, install_id)
       WHERE next_fire_ms IS NOT NULL`,
    "CREATE INDEX IF NOT EXISTS proj_schedules_at ON proj_schedules (at_ms)",
    `CREATE INDEX IF NOT EXISTS proj_schedules_unstarted ON proj_schedules (unstarted_due_ms)
       WHERE unstarted_due_ms IS NOT NULL`,
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<ScheduleEvent>;
  switch (event.event_type) {
    case "schedule.set": {
      const { install_id, schedule, at_ms, next } = event.data;
      sql.run(
        `INSERT INTO proj_schedules (install_id, schedule, next_due_ms, next_fire_ms, at_ms) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (install_id) DO UPDATE SET schedule = excluded.schedule, next_due_ms = excluded.next_due_ms,
           next_fire_ms = excluded.next_fire_ms, at_ms = excluded.at_ms`,
        install_id,
        canonicalize(schedule),
        next?.due_ms ?? null,
        next?.fire_at_ms ?? null,
        at_ms,
      );
      break;
    }
    case "schedule.cleared":
      sql.run("DELETE FROM proj_schedules WHERE install_id = ?", event.data.install_id);
      break;
    case "schedule.fired": {
      const { install_id, due_ms, reason } = event.data;
      setNext(sql, event.data, event.data.trace);
      sql.run(
        `UPDATE proj_schedules SET unstarted_due_ms = ?, unstarted_reason = ? WHERE install_id = ?`,
        due_ms,
        reason,
        install_id,
      );
      break;
    }
    case "schedule.deferred":
    case "schedule.skipped":
      setNext(sql, event.data, event.data.trace);
      break;
    case "schedule.realigned":
      setNext(sql, event.data);
      break;
    case "schedule.run_started":
    case "schedule.run_refused":
      sql.run(
        "UPDATE proj_schedules SET unstarted_due_ms = NULL, unstarted_reason = NULL WHERE install_id = ?",
        event.data.install_id,
      );
  }
}

function setNext(
  sql: Sql,
  data: { readonly install_id: string; readonly at_ms: number; readonly next: ScheduleDue | null },
  trace?: ScheduleTrace,
): void {
  sql.run(
    `UPDATE proj_schedules SET next_due_ms = ?, next_fire_ms = ?, at_ms = ?,
       last_due_ms = coalesce(?, last_due_ms), last_outcome = coalesce(?, last_outcome) WHERE install_id = ?`,
    data.next?.due_ms ?? null,
    data.next?.fire_at_ms ?? null,
    data.at_ms,
    trace?.due_ms ?? null,
    trace?.outcome ?? null,
    data.install_id,
  );
}

/** Installs to decide about now: those that are due, earliest first, and those decided at a time yet to come. */
export function dueInstalls(sql: Sql, now_ms: number, limit: number): readonly string[] {
  const due = sql.all<{ install_id: string }>(
    `SELECT install_id FROM proj_schedules WHERE next_fire_ms IS NOT NULL AND next_fire_ms <= ?
     ORDER BY next_fire_ms, install_id LIMIT ?`,
    now_ms,
    limit,
  );
  const ahead = sql.all<{ install_id: string }>(
    "SELECT install_id FROM proj_schedules WHERE at_ms > ? LIMIT ?",
    now_ms + LIMITS.schedule_clock_back_ms,
    limit,
  );
  return [...new Set([...due, ...ahead].map(({ install_id }) => install_id))].slice(0, limit);
}

/** When the next install starts, or null where none does. */
export function nextStart(sql: Sql): number | null {
  const row = one<{ at_ms: number }>(
    sql,
    "SELECT next_fire_ms AS at_ms FROM proj_schedules WHERE next_fire_ms IS NOT NULL ORDER BY next_fire_ms LIMIT 1",
  );
  return row?.at_ms ?? null;
}

/** Fires whose runs are still to be started, oldest first: after a crash, or when the start failed. */
export function unstartedFires(sql: Sql, limit: number): readonly UnstartedFire[] {
  return sql.all<Record<keyof UnstartedFire, SqlValue>>(
    `SELECT install_id, unstarted_due_ms AS due_ms, unstarted_reason AS reason
     FROM proj_schedules WHERE unstarted_due_ms IS NOT NULL ORDER BY unstarted_due_ms LIMIT ?`,
    limit,
  ) as unknown as readonly UnstartedFire[];
}

/** Schedules by their next start, those that never start last. */
export function listSchedules(sql: Sql, limit: number): readonly ScheduleView[] {
  return sql
    .all(`SELECT ${COLUMNS} FROM proj_schedules ORDER BY next_fire_ms IS NULL, next_fire_ms, install_id LIMIT ?`, limit)
    .map(toView);
}

/** An install's schedule, or null where it has none. */
export function getSchedule(sql: Sql, install_id: string): ScheduleView | null {
  const row = one(sql, `SELECT ${COLUMNS} FROM proj_schedules WHERE install_id = ?`, install_id);
  return row === undefined ? null : toView(row);
}

const COLUMNS = "install_id, schedule, next_due_ms, next_fire_ms, last_due_ms, last_outcome";

function toView(row: Readonly<Record<string, SqlValue>>): ScheduleView {
  return { ...row, schedule: JSON.parse(String(row.schedule)) } as unknown as ScheduleView;
}
