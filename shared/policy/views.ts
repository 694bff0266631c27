import { HOUR_MS } from "../core/durations.ts";
import type { EventDraft, Recorded } from "../core/envelope.ts";
import type { Projection } from "../core/projection.ts";
import { one, type Sql } from "../core/sql.ts";
import type { PolicyEvent, PolicyQuarantined, PolicyUsage } from "../generated/types.ts";

/** Why nothing of an install starts, who decided it, and since when. */
export type Quarantine = PolicyQuarantined["data"];

export type Metric = keyof PolicyUsage;
export const METRICS: readonly Metric[] = ["egress_bytes", "model_tokens", "model_ms"];

/** `proj_policy_usage`: what each install used, by the hour. */
export const usageProjection: Projection = {
  name: "policy_usage",
  tables: ["proj_policy_usage"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_policy_usage (
       subject_id TEXT NOT NULL, hour INTEGER NOT NULL, metric TEXT NOT NULL, amount INTEGER NOT NULL,
       PRIMARY KEY (subject_id, hour, metric)) WITHOUT ROWID`,
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<PolicyEvent>;
  if (event.event_type !== "policy.metered") return;
  const { usage, at_ms } = event.data;
  for (const metric of METRICS) {
    const amount = usage[metric];
    if (amount === undefined) continue;
    sql.run(
      `INSERT INTO proj_policy_usage VALUES (?, ?, ?, ?)
       ON CONFLICT (subject_id, hour, metric) DO UPDATE SET amount = amount + excluded.amount`,
      ...[event.subject_id, Math.floor(at_ms / HOUR_MS), metric, amount],
    );
  }
}

/** `proj_policy_quarantines`: the installs of which nothing starts. */
export const quarantineProjection: Projection = {
  name: "policy_quarantines",
  tables: ["proj_policy_quarantines"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_policy_quarantines (
       subject_id TEXT PRIMARY KEY, "by" TEXT NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID`,
  ],
  apply: (sql, recorded) => {
    const event = recorded as Recorded<PolicyEvent>;
    if (event.event_type === "policy.quarantine_lifted") {
      sql.run("DELETE FROM proj_policy_quarantines WHERE subject_id = ?", event.subject_id);
    }
    if (event.event_type !== "policy.quarantined") return;
    const { by, reason, at_ms } = event.data;
    sql.run("INSERT OR REPLACE INTO proj_policy_quarantines VALUES (?, ?, ?, ?)", event.subject_id, by, reason, at_ms);
  },
};

/** The quarantine of a subject, as `conductSubject` names it; null: it is in none. */
export function getQuarantine(sql: Sql, subject_id: string): Quarantine | null {
  const query = `SELECT "by", reason, at_ms FROM proj_policy_quarantines WHERE subject_id = ?`;
  const row = one<{ by: Quarantine["by"]; reason: string; at_ms: number }>(sql, query, subject_id);
  return row === undefined ? null : { ...row };
}

/** What an install used within 24 hours, whole hours of the clock: the one that the 24 hours begin in counts wholly. */
export function usedWithinADay(
  sql: Sql,
  subject_id: string,
  metric: Metric,
  now_ms: number,
  until_ms: number = Number.MAX_SAFE_INTEGER,
): number {
  const query = `SELECT coalesce(sum(amount), 0) AS amount FROM proj_policy_usage
    WHERE subject_id = ? AND metric = ? AND hour >= ? AND hour <= ?`;
  const hours = [firstHour(now_ms), Math.floor(until_ms / HOUR_MS)];
  return one<{ amount: number }>(sql, query, subject_id, metric, ...hours)?.amount ?? 0;
}

/** When less than `limit` will have been used within 24 hours, if no more is; null: never, with this limit. */
export function usageFreeAt(
  sql: Sql,
  subject_id: string,
  metric: Metric,
  { limit, now_ms }: { readonly limit: number; readonly now_ms: number },
): number | null {
  if (limit === 0) return null;
  const hours = sql.all<{ hour: number; amount: number }>(
    `SELECT hour, amount FROM proj_policy_usage WHERE subject_id = ? AND metric = ? AND hour >= ? AND hour <= ?
     ORDER BY hour`,
    ...[subject_id, metric, firstHour(now_ms), Math.floor(now_ms / HOUR_MS)],
  );
  let used = hours.reduce((sum, { amount }) => sum + amount, 0);
  let free_at_ms = now_ms;
  for (const { hour, amount } of hours) {
    if (used < limit) break;
    used -= amount;
    free_at_ms = (hour + 25) * HOUR_MS;
  }
  return free_at_ms;
}

function firstHour(now_ms: number): number {
  return Math.floor(now_ms / HOUR_MS) - 24;
}
