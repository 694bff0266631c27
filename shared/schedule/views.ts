import type { EventDraft, Recorded } from "../core/envelope.ts";
import { LIMITS } from "../core/limits.ts";
import type { Projection } from "../core/projection.ts";
import { keptJson, one, type Sql, type SqlValue } from "../core/sql.ts";
import type {
  CronSchedule,
  ScheduleConstraints,
  ScheduleDue,
  ScheduleEvent,
  ScheduleFired,
  ScheduleOnUnknown,
  ScheduleOverlap,
  ScheduleTrace,
} from "../generated/types.ts";
import { SCHEDULE_LOG_DDL, SCHEDULE_LOG_READING_DDL, SCHEDULE_LOG_TABLE, writeScheduleLog } from "./log.ts";
import { WAITS_FOR, type WaitReason } from "./waits.ts";

/** A schedule as lists show it. Times are Unix milliseconds; `next_due_ms` is the cron time, `next_fire_ms` the start. */
export interface ScheduleView {
  readonly install_id: string;
  readonly schedule: CronSchedule;
  readonly next_due_ms: number | null;
  /** While it waits, when it is given up. */
  readonly next_fire_ms: number | null;
  /** What the due time that has come waits for. */
  readonly waiting_for: WaitReason | null;
  /** The due time decided last, and what came of it. */
  readonly last_due_ms: number | null;
  readonly last_outcome: ScheduleTrace["outcome"] | null;
}

/** An install to decide about, and what of the machine that depends on. */
export interface DueInstall {
  readonly install_id: string;
  readonly constraints: ScheduleConstraints | undefined;
}

/** Everything that waits with the same constraints waits alike. */
export interface HeldGroup {
  /** As `heldInstalls` takes it. */
  readonly conditions: string;
  readonly constraints: ScheduleConstraints;
  readonly on_unknown: ScheduleOnUnknown;
}

/** A fire whose run has not been started yet. */
export interface UnstartedFire {
  readonly install_id: string;
  readonly due_ms: number;
  readonly reason: ScheduleFired["data"]["reason"];
  readonly fired_at_ms: number;
  readonly overlap: ScheduleOverlap;
  /** What it was put on: it does not start outside its window, however long it is held back. */
  readonly schedule: CronSchedule;
}

/** `proj_schedules`: what is due next is one step down an index. `proj_schedule_log`: how each due time was decided. */
export const scheduleProjection: Projection = {
  name: "schedules",
  tables: ["proj_schedules", SCHEDULE_LOG_TABLE],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_schedules (
       install_id TEXT PRIMARY KEY, schedule TEXT NOT NULL, conditions TEXT, overlap TEXT NOT NULL,
       next_due_ms INTEGER, next_fire_ms INTEGER, waiting_for TEXT,
       at_ms INTEGER NOT NULL, last_due_ms INTEGER, last_outcome TEXT,
       unstarted_due_ms INTEGER, unstarted_reason TEXT, unstarted_at_ms INTEGER) WITHOUT ROWID`,
    ...SCHEDULE_LOG_DDL,
  ],
  reading_ddl: [
    `CREATE INDEX IF NOT EXISTS proj_schedules_next ON proj_schedules (next_fire_ms, install_id)
       WHERE next_fire_ms IS NOT NULL`,
    "CREATE INDEX IF NOT EXISTS proj_schedules_at ON proj_schedules (at_ms)",
    `CREATE INDEX IF NOT EXISTS proj_schedules_waiting ON proj_schedules (waiting_for, conditions)
       WHERE waiting_for IS NOT NULL`,
    `CREATE INDEX IF NOT EXISTS proj_schedules_unstarted ON proj_schedules (unstarted_due_ms)
       WHERE unstarted_due_ms IS NOT NULL`,
    ...SCHEDULE_LOG_READING_DDL,
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  if (!recorded.event_type.startsWith("schedule.")) return;
  const event = recorded as Recorded<ScheduleEvent>;
  writeScheduleLog(sql, event);
  switch (event.event_type) {
    case "schedule.set": {
      const { install_id, schedule, at_ms, next } = event.data;
      const { constraints, on_unknown = "wait", overlap = "skip" } = schedule;
      sql.run(
        `INSERT INTO proj_schedules (install_id, schedule, conditions, overlap, next_due_ms, next_fire_ms, at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (install_id) DO UPDATE SET schedule = excluded.schedule, conditions = excluded.conditions,
           overlap = excluded.overlap, next_due_ms = excluded.next_due_ms, next_fire_ms = excluded.next_fire_ms,
           at_ms = excluded.at_ms, waiting_for = NULL`,
        install_id,
        JSON.stringify(schedule), // of an event's canonical form: alike is the same text
        constraints === undefined ? null : JSON.stringify({ constraints, on_unknown }),
        overlap,
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
      const { install_id, due_ms, reason, at_ms } = event.data;
      setNext(sql, event.data, event.data.trace);
      sql.run(
        `UPDATE proj_schedules SET unstarted_due_ms = ?, unstarted_reason = ?, unstarted_at_ms = ?
         WHERE install_id = ?`,
        due_ms,
        reason,
        at_ms,
        install_id,
      );
      break;
    }
    case "schedule.deferred":
    case "schedule.skipped":
      setNext(sql, event.data, event.data.trace);
      break;
    case "schedule.realigned": {
      const { install_id, next, at_ms } = event.data;
      // What waited goes on waiting only where it is still what comes next, and has come.
      sql.run(
        "UPDATE proj_schedules SET waiting_for = NULL WHERE install_id = ? AND (next_due_ms IS NOT ? OR next_due_ms > ?)",
        install_id,
        next?.due_ms ?? null,
        at_ms,
      );
      setNext(sql, event.data);
      break;
    }
    case "schedule.run_started":
    case "schedule.run_refused":
      sql.run(
        `UPDATE proj_schedules SET unstarted_due_ms = NULL, unstarted_reason = NULL, unstarted_at_ms = NULL
         WHERE install_id = ?`,
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
    "UPDATE proj_schedules SET next_due_ms = ?, next_fire_ms = ?, at_ms = ? WHERE install_id = ?",
    data.next?.due_ms ?? null,
    data.next?.fire_at_ms ?? null,
    data.at_ms,
    data.install_id,
  );
  if (trace === undefined) return;
  sql.run(
    "UPDATE proj_schedules SET waiting_for = ?, last_due_ms = ?, last_outcome = ? WHERE install_id = ?",
    WAITS_FOR[trace.outcome] ?? null,
    trace.due_ms,
    trace.outcome,
    data.install_id,
  );
}

/** Installs to decide about now: those that are due, earliest first, and those decided at a time yet to come. */
export function dueInstalls(sql: Sql, now_ms: number, limit: number): readonly DueInstall[] {
  const due = sql.all(
    `SELECT install_id, conditions FROM proj_schedules WHERE next_fire_ms IS NOT NULL AND next_fire_ms <= ?
     ORDER BY next_fire_ms, install_id LIMIT ?`,
    now_ms,
    limit,
  );
  const ahead = sql.all(
    "SELECT install_id, conditions FROM proj_schedules WHERE at_ms > ? LIMIT ?",
    now_ms + LIMITS.schedule_clock_back_ms,
    limit,
  );
  const found = new Map([...due, ...ahead].map((row) => [String(row.install_id), row.conditions]));
  return [...found].slice(0, limit).map(([install_id, conditions]) => ({
    install_id,
    constraints: typeof conditions === "string" ? readConditions(conditions).constraints : undefined,
  }));
}

/** What the installs that wait for the machine's state wait for, each combination once. */
export function heldGroups(sql: Sql): readonly HeldGroup[] {
  return sql
    .all<{ conditions: string }>(
      `SELECT DISTINCT conditions FROM proj_schedules WHERE waiting_for = 'constraints' AND conditions IS NOT NULL`,
    )
    .map(({ conditions }) => ({ conditions, ...readConditions(conditions) }));
}

/** Installs of a group. */
export function heldInstalls(sql: Sql, conditions: string, limit: number): readonly string[] {
  return sql
    .all<{ install_id: string }>(
      "SELECT install_id FROM proj_schedules WHERE waiting_for = 'constraints' AND conditions = ? LIMIT ?",
      conditions,
      limit,
    )
    .map(({ install_id }) => install_id);
}

/** An install that waits for something that is known without measuring. */
export interface WaitingInstall extends DueInstall {
  readonly waiting_for: "run" | "licence" | "budget";
  readonly overlap: ScheduleOverlap;
}

/** Installs that wait for a run to end, a licence or a quota, after a given one, by id. */
export function waitingInstalls(sql: Sql, after_install_id: string, limit: number): readonly WaitingInstall[] {
  const rows = sql.all<Omit<WaitingInstall, "constraints"> & { conditions: string | null }>(
    `SELECT install_id, waiting_for, overlap, conditions FROM proj_schedules
     WHERE waiting_for IN ('run', 'licence', 'budget') AND install_id > ? ORDER BY install_id LIMIT ?`,
    after_install_id,
    limit,
  );
  return rows.map(({ conditions, ...row }) => ({
    ...row,
    constraints: conditions === null ? undefined : readConditions(conditions).constraints,
  }));
}

function readConditions(text: string): Omit<HeldGroup, "conditions"> {
  return keptJson(text) as Omit<HeldGroup, "conditions">;
}

/** When the next install starts, or null where none does. */
export function nextStart(sql: Sql): number | null {
  const row = one<{ at_ms: number }>(
    sql,
    "SELECT next_fire_ms AS at_ms FROM proj_schedules WHERE next_fire_ms IS NOT NULL ORDER BY next_fire_ms LIMIT 1",
  );
  return row?.at_ms ?? null;
}

/** Fires whose runs are still to be started, oldest first, after a given one: after a crash, or when the start failed. */
export function unstartedFires(
  sql: Sql,
  limit: number,
  after: Pick<UnstartedFire, "due_ms" | "install_id"> = { due_ms: Number.MIN_SAFE_INTEGER, install_id: "" },
): readonly UnstartedFire[] {
  const rows = sql.all<Omit<UnstartedFire, "schedule"> & { schedule: string }>(
    `SELECT install_id, unstarted_due_ms AS due_ms, unstarted_reason AS reason, unstarted_at_ms AS fired_at_ms, overlap,
       schedule FROM proj_schedules
     WHERE unstarted_due_ms IS NOT NULL AND (unstarted_due_ms, install_id) > (?, ?)
     ORDER BY unstarted_due_ms, install_id LIMIT ?`,
    after.due_ms,
    after.install_id,
    limit,
  );
  return rows.map((row) => ({ ...row, schedule: keptJson(row.schedule) as CronSchedule }));
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

const COLUMNS = "install_id, schedule, next_due_ms, next_fire_ms, waiting_for, last_due_ms, last_outcome";

function toView(row: Readonly<Record<string, SqlValue>>): ScheduleView {
  return { ...row, schedule: keptJson(row.schedule) } as unknown as ScheduleView;
}
