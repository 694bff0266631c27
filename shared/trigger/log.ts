import type { Recorded } from "../core/envelope.ts";
import { canonicalize } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { one, type Sql, type SqlValue } from "../core/sql.ts";
import type {
  ConstraintTrace,
  TriggerDeferred,
  TriggerEvent,
  TriggerSettled,
  TriggerWatch,
  WatchRefusal,
} from "../generated/types.ts";

/**
 * What happened to an install's triggers, without the causes: those stay in the log, where they can be deleted. `seq` is
 * the event's place in its stream.
 */
export type TriggerLogEntry = { readonly seq: number; readonly at_ms: number } & (
  | { readonly kind: "set"; readonly watches: readonly TriggerWatch[] }
  | { readonly kind: "cleared"; readonly reason: string }
  | { readonly kind: "noted"; readonly trigger: number }
  | { readonly kind: "settled"; readonly trigger: number; readonly reason: TriggerSettled["data"]["reason"] }
  | { readonly kind: "watch_failed"; readonly trigger: number; readonly refusal: WatchRefusal }
  | { readonly kind: "watch_restored"; readonly trigger: number }
  | {
      readonly kind: "deferred";
      readonly reason: TriggerDeferred["data"]["reason"];
      readonly until_ms: number;
      readonly constraints?: readonly ConstraintTrace[];
    }
  | {
      readonly kind: "fired";
      readonly fire: number;
      readonly trigger: number;
      readonly causes: number;
      readonly first_ms: number;
      readonly passed_over?: number;
      readonly constraints?: readonly ConstraintTrace[];
    }
  | { readonly kind: "run_started"; readonly fire: number; readonly run_id: string }
  | {
      readonly kind: "run_refused";
      readonly fire: number;
      readonly code: string;
      readonly message: string;
      readonly again: boolean;
    }
);

export const TRIGGER_LOG_TABLE = "proj_trigger_log";

export const TRIGGER_LOG_DDL = [
  `CREATE TABLE IF NOT EXISTS ${TRIGGER_LOG_TABLE} (
     install_id TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL,
     PRIMARY KEY (install_id, seq)) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS proj_trigger_log_kind ON ${TRIGGER_LOG_TABLE} (install_id, kind, seq)`,
  `CREATE INDEX IF NOT EXISTS proj_trigger_log_age ON ${TRIGGER_LOG_TABLE} (at_ms) WHERE kind NOT IN ('set', 'cleared')`,
];

/** Adds an event to the log, and forgets what is `LIMITS.schedule_log_ms` older. */
export function writeTriggerLog(sql: Sql, event: Recorded<TriggerEvent>): void {
  const at_ms = Date.parse(event.occurred_at);
  const { install_id, ...data } = event.data;
  const kept = Object.entries(data).filter(
    ([name]) => !["at_ms", "cause", "baseline", "passed_over_ids"].includes(name),
  );
  sql.run(
    `INSERT INTO ${TRIGGER_LOG_TABLE} VALUES (?, ?, ?, ?, ?)`,
    install_id,
    event.stream_seq,
    at_ms,
    event.event_type.replace("trigger.", ""),
    canonicalize(Object.fromEntries(kept)),
  );
  sql.run(
    `DELETE FROM ${TRIGGER_LOG_TABLE} WHERE kind NOT IN ('set', 'cleared') AND at_ms < ?`,
    at_ms - LIMITS.schedule_log_ms,
  );
}

/** How it was watched at a time: from the last `set` or `cleared` before it, and what failed since. Empty: never yet. */
export function watchEntries(sql: Sql, install_id: string, at_ms: number): readonly TriggerLogEntry[] {
  return read(
    sql,
    `install_id = ? AND at_ms <= ? AND kind IN ('set', 'cleared', 'watch_failed', 'watch_restored') AND seq >=
       (SELECT max(seq) FROM ${TRIGGER_LOG_TABLE} WHERE install_id = ? AND at_ms <= ? AND kind IN ('set', 'cleared'))`,
    [install_id, at_ms, install_id, at_ms],
  );
}

/**
 * Everything about the cause that was noted last at a time, in order: from the first that its run answers for to what
 * became of it, later than that time too. Empty where nothing was noted.
 */
export function causeEntries(sql: Sql, install_id: string, at_ms: number): readonly TriggerLogEntry[] {
  const seqOf = (what: string, where: string, ...values: readonly SqlValue[]): number | null =>
    one<{ seq: number | null }>(
      sql,
      `SELECT ${what} AS seq FROM ${TRIGGER_LOG_TABLE} WHERE install_id = ? AND ${where}`,
      ...[install_id, ...values],
    )?.seq ?? null;
  const noted = seqOf("max(seq)", "kind = 'noted' AND at_ms <= ?", at_ms);
  if (noted === null) return [];
  const before = seqOf("max(seq)", "kind IN ('fired', 'set', 'cleared') AND seq < ?", noted) ?? 0;
  const fired = seqOf("min(seq)", "kind IN ('fired', 'set', 'cleared') AND seq > ?", noted) ?? Number.MAX_SAFE_INTEGER;
  const outcome = seqOf("min(seq)", "kind IN ('run_started', 'run_refused') AND seq > ?", fired) ?? fired;
  const cycle = read(sql, "install_id = ? AND seq > ? AND seq <= ?", [install_id, before, outcome]);
  const fire = cycle.find((entry) => entry.kind === "fired")?.fire;
  return cycle.filter((entry) => !("fire" in entry) || entry.fire === fire);
}

/** What was seen last at a time and known without a run for it, first looks aside; null where nothing was. */
export function settledEntry(sql: Sql, install_id: string, at_ms: number): TriggerLogEntry | null {
  const [entry = null] = read(
    sql,
    "install_id = ? AND kind = 'settled' AND at_ms <= ? AND data ->> '$.reason' <> 'first_look'",
    [install_id, at_ms],
    "DESC",
    1,
  );
  return entry;
}

function read(
  sql: Sql,
  where: string,
  values: readonly SqlValue[],
  order: "ASC" | "DESC" = "ASC",
  limit: number = LIMITS.trigger_event_ids,
): readonly TriggerLogEntry[] {
  return sql
    .all<{ seq: number; at_ms: number; kind: string; data: string }>(
      `SELECT seq, at_ms, kind, data FROM ${TRIGGER_LOG_TABLE} WHERE ${where} ORDER BY seq ${order} LIMIT ?`,
      ...values,
      limit,
    )
    .map(({ data, ...row }) => ({ ...(JSON.parse(data) as object), ...row }) as TriggerLogEntry);
}
