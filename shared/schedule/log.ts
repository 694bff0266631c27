import type { Recorded } from "../core/envelope.ts";
import { LIMITS } from "../core/limits.ts";
import { assertNever } from "../core/refusal.ts";
import { one, type Sql, type SqlValue } from "../core/sql.ts";
import type { ScheduleEvent, ScheduleTrace } from "../generated/types.ts";

/** What happened to an install's schedule, decisions of the last weeks only. Times are Unix milliseconds. */
export type ScheduleLogEntry =
  | { readonly kind: "set"; readonly at_ms: number }
  | { readonly kind: "cleared"; readonly at_ms: number; readonly reason: string }
  | { readonly kind: "realigned"; readonly at_ms: number }
  | { readonly kind: "deferred" | "skipped" | "fired"; readonly at_ms: number; readonly trace: ScheduleTrace }
  | { readonly kind: "run_started"; readonly at_ms: number; readonly run_id: string }
  | { readonly kind: "run_refused"; readonly at_ms: number; readonly code: string; readonly message: string };

export const SCHEDULE_LOG_TABLE = "proj_schedule_log";

/** `due_ms` is null for what is no decision. */
export const SCHEDULE_LOG_DDL = [
  `CREATE TABLE IF NOT EXISTS ${SCHEDULE_LOG_TABLE} (
     install_id TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
     first_due_ms INTEGER, due_ms INTEGER, data TEXT NOT NULL, PRIMARY KEY (install_id, seq)) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS proj_schedule_log_age ON ${SCHEDULE_LOG_TABLE} (at_ms) WHERE due_ms IS NOT NULL`,
];
export const SCHEDULE_LOG_READING_DDL = [
  `CREATE INDEX IF NOT EXISTS proj_schedule_log_due ON ${SCHEDULE_LOG_TABLE} (install_id, due_ms, seq)
     WHERE due_ms IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS proj_schedule_log_set ON ${SCHEDULE_LOG_TABLE} (install_id, at_ms) WHERE due_ms IS NULL`,
];

/**
 * Adds an event to the log, and with a decision forgets those that are `LIMITS.schedule_log_ms` older. An event was read
 * from its canonical form, live and in a rebuild, so that its JSON is the same text again.
 */
export function writeScheduleLog(sql: Sql, event: Recorded<ScheduleEvent>): void {
  const { data } = event;
  const at_ms = Date.parse(event.occurred_at);
  const trace = "trace" in data ? data.trace : null;
  const due_ms = trace?.due_ms ?? ("due_ms" in data ? data.due_ms : null);
  sql.run(
    `INSERT INTO ${SCHEDULE_LOG_TABLE} VALUES (?, ?, ?, ?, ?, ?, ?)`,
    data.install_id,
    event.stream_seq,
    at_ms,
    event.event_type.replace("schedule.", ""),
    trace?.first_due_ms ?? due_ms,
    due_ms,
    JSON.stringify(toldOf(event)),
  );
  if (due_ms === null) return;
  const oldest_ms = at_ms - LIMITS.schedule_log_ms;
  sql.run(`DELETE FROM ${SCHEDULE_LOG_TABLE} WHERE due_ms IS NOT NULL AND at_ms < ?`, oldest_ms);
}

/** What of an event an entry tells. */
function toldOf({ event_type, data }: ScheduleEvent): object {
  switch (event_type) {
    case "schedule.deferred":
    case "schedule.skipped":
    case "schedule.fired":
      return { trace: data.trace };
    case "schedule.cleared":
      return { reason: data.reason };
    case "schedule.run_started":
      return { run_id: data.run_id };
    case "schedule.run_refused":
      return { code: data.code, message: data.message };
    case "schedule.set": // stands in `proj_schedules`, and earlier ones in the event log
    case "schedule.realigned":
      return {};
    default:
      return assertNever(event_type);
  }
}

/**
 * Everything about one due time, in order: the latest decided one, or the one that was due last at `at_ms`. What was
 * missed together was decided together. Empty where nothing was decided.
 */
export function dueTimeEntries(sql: Sql, install_id: string, at_ms: number | null): readonly ScheduleLogEntry[] {
  const decided =
    at_ms === null ? decisionOf(sql, install_id, "TRUE", [], "seq DESC") : dueLast(sql, install_id, at_ms);
  if (decided === null) return [];
  const { due_ms, first_due_ms, seq } = decided;
  // Only what waited joined it. Other decisions of that time are told for themselves: clocks are set, and pass it again.
  const waited = "kind = 'deferred' AND due_ms >= ? AND due_ms < ? AND seq < ?";
  return read(sql, `install_id = ? AND (due_ms = ? OR (${waited}))`, [
    ...[install_id, due_ms, first_due_ms, due_ms, seq],
  ]);
}

interface Decided {
  readonly kind: string;
  readonly due_ms: number;
  readonly first_due_ms: number;
  readonly seq: number;
}

/** What was due at or before a time, or what was missed then and decided together with what was due after it. */
function dueLast(sql: Sql, install_id: string, at_ms: number): Decided | null {
  const before = decisionOf(sql, install_id, "due_ms <= ?", [at_ms], "due_ms DESC, seq DESC");
  const over = decisionOf(sql, install_id, "first_due_ms <= ? AND due_ms > ?", [at_ms, at_ms], "seq DESC");
  if (over === null || over.seq < (before?.seq ?? 0)) return before;
  const apart = before !== null && before.kind !== "deferred" && before.due_ms >= over.first_due_ms;
  return apart ? before : over;
}

function decisionOf(
  sql: Sql,
  install_id: string,
  where: string,
  values: readonly SqlValue[],
  order: string,
): Decided | null {
  const found = one<Omit<Decided, "first_due_ms">>(
    sql,
    `SELECT kind, due_ms, seq FROM ${SCHEDULE_LOG_TABLE} WHERE install_id = ? AND due_ms IS NOT NULL
     AND kind IN ('deferred', 'skipped', 'fired') AND ${where} ORDER BY ${order} LIMIT 1`,
    install_id,
    ...values,
  );
  if (found === undefined) return null;
  const first = one<{ first_due_ms: number }>(
    sql,
    `SELECT min(first_due_ms) AS first_due_ms FROM ${SCHEDULE_LOG_TABLE} WHERE install_id = ? AND due_ms = ?`,
    install_id,
    found.due_ms,
  );
  return { ...found, first_due_ms: first?.first_due_ms ?? found.due_ms };
}

/** What was decided about the due times in [from, until), in order, and the starts that came of it. */
export function decisionEntries(
  sql: Sql,
  install_id: string,
  range: { readonly from_ms: number; readonly until_ms: number },
): readonly ScheduleLogEntry[] {
  return read(sql, "install_id = ? AND due_ms >= ? AND due_ms < ?", [install_id, range.from_ms, range.until_ms]);
}

/** Whether the install was on a schedule at a time: the last entry of `set` or `cleared` before it, or null. */
export function standingAt(sql: Sql, install_id: string, at_ms: number): ScheduleLogEntry | null {
  const row = one<Row>(
    sql,
    `SELECT kind, at_ms, data FROM ${SCHEDULE_LOG_TABLE}
     WHERE install_id = ? AND due_ms IS NULL AND at_ms <= ? AND kind IN ('set', 'cleared') ORDER BY at_ms DESC LIMIT 1`,
    install_id,
    at_ms,
  );
  return row === undefined ? null : toEntry(row);
}

/** What was done to the install's schedule after the last decision about a due time, in order, whatever clocks said. */
export function changesAfter(sql: Sql, install_id: string, due_ms: number): readonly ScheduleLogEntry[] {
  const decided = `SELECT max(seq) FROM ${SCHEDULE_LOG_TABLE} WHERE install_id = ? AND due_ms = ?
     AND kind IN ('deferred', 'skipped', 'fired')`;
  return read(sql, `install_id = ? AND due_ms IS NULL AND seq > (${decided}) AND kind IN ('set', 'cleared')`, [
    ...[install_id, install_id, due_ms],
  ]);
}

type Row = Readonly<{ kind: string; at_ms: number; data: string }>;

function read(sql: Sql, where: string, values: readonly SqlValue[]): readonly ScheduleLogEntry[] {
  return sql
    .all<Row>(
      `SELECT kind, at_ms, data FROM ${SCHEDULE_LOG_TABLE} WHERE ${where} ORDER BY seq LIMIT ?`,
      ...values,
      LIMITS.schedule_simulated,
    )
    .map(toEntry);
}

function toEntry({ kind, at_ms, data }: Row): ScheduleLogEntry {
  return { ...(JSON.parse(data) as object), kind, at_ms } as ScheduleLogEntry;
}
