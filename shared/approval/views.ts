import type { EventDraft, Recorded } from "../core/envelope.ts";
import { canonicalize } from "../core/json.ts";
import type { Projection } from "../core/projection.ts";
import { keptJson, one, type Sql, type SqlValue } from "../core/sql.ts";
import type { ApprovalApproved, ApprovalEvent, ApprovalPins, PolicyApproval } from "../generated/types.ts";
import { approvalOf } from "../policy/action.ts";
import type { ApprovalStatus } from "./decider.ts";

/** An approval as lists show it. Times are ISO 8601 in UTC, where they are not Unix milliseconds. */
export interface ApprovalView {
  readonly approval_id: string;
  readonly status: Exclude<ApprovalStatus, "none">;
  readonly scope: ApprovalApproved["data"]["scope"];
  readonly install_id: string;
  readonly run_id: string | null;
  readonly step_id: string;
  readonly pins: ApprovalPins;
  /** One sentence: what would be done. */
  readonly summary: string;
  /** Why it was asked for. */
  readonly reasons: readonly { readonly rule: string; readonly code: string; readonly message: string }[];
  /** Who approved it. */
  readonly by: ApprovalApproved["data"]["by"] | null;
  /** Why it was denied or revoked. */
  readonly reason: string | null;
  readonly uses: number;
  readonly uses_per_day: number | null;
  readonly last_used_at: string | null;
  readonly expires_at_ms: number;
  readonly requested_at: string;
  readonly decided_at: string | null;
}

/** `proj_approvals` and `proj_approval_uses`. What an action would be done with is sealed and not copied here. */
export const approvalProjection: Projection = {
  name: "approvals",
  tables: ["proj_approvals", "proj_approval_uses"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_approvals (
       approval_id TEXT PRIMARY KEY, status TEXT NOT NULL, scope TEXT NOT NULL, install_id TEXT NOT NULL, run_id TEXT,
       step_id TEXT NOT NULL, action_sha256 TEXT, pins TEXT NOT NULL, summary TEXT NOT NULL, reasons TEXT NOT NULL,
       "by" TEXT, reason TEXT, uses INTEGER NOT NULL DEFAULT 0, uses_per_day INTEGER, last_used_at TEXT,
       expires_at_ms INTEGER NOT NULL, requested_at TEXT NOT NULL, decided_at TEXT) WITHOUT ROWID`,
    "CREATE INDEX IF NOT EXISTS proj_approvals_install ON proj_approvals (install_id, status)",
    "CREATE INDEX IF NOT EXISTS proj_approvals_step ON proj_approvals (run_id, step_id, action_sha256)",
    `CREATE INDEX IF NOT EXISTS proj_approvals_end ON proj_approvals (expires_at_ms)
       WHERE status IN ('requested', 'approved')`,
    `CREATE TABLE IF NOT EXISTS proj_approval_uses (
       install_id TEXT NOT NULL, at_ms INTEGER NOT NULL, approval_id TEXT NOT NULL, use TEXT NOT NULL,
       sats INTEGER NOT NULL, PRIMARY KEY (install_id, at_ms, approval_id, use)) WITHOUT ROWID`,
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<ApprovalEvent>;
  const { subject_id: approval_id, occurred_at: at } = event;
  const decided = (status: ApprovalStatus, reason: string | null): void =>
    sql.run(
      "UPDATE proj_approvals SET status = ?, reason = ?, decided_at = ? WHERE approval_id = ?",
      ...[status, reason, at, approval_id],
    );
  switch (event.event_type) {
    case "approval.requested": {
      const { pins, summary, reasons, expires_at_ms } = event.data;
      sql.run(
        `INSERT INTO proj_approvals (approval_id, status, scope, install_id, run_id, step_id, action_sha256, pins,
           summary, reasons, expires_at_ms, requested_at) VALUES (?, 'requested', 'once', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[approval_id, pins.install_id, pins.run_id, pins.step_id, pins.action_sha256, canonicalize(pins)],
        ...[summary, canonicalize(reasons), expires_at_ms, at],
      );
      break;
    }
    case "approval.approved": {
      const { by, scope, expires_at_ms, uses_per_day } = event.data;
      sql.run(
        `UPDATE proj_approvals SET status = 'approved', "by" = ?, scope = ?, expires_at_ms = ?, uses_per_day = ?,
           decided_at = ? WHERE approval_id = ?`,
        ...[by, scope, expires_at_ms, uses_per_day, at, approval_id],
      );
      break;
    }
    case "approval.denied":
      decided("denied", event.data.reason);
      break;
    case "approval.expired":
      decided("expired", null);
      break;
    case "approval.revoked":
      decided("revoked", event.data.reason);
      break;
    case "approval.consumed": {
      const { install_id, use, at_ms, sats = 0 } = event.data;
      sql.run("INSERT INTO proj_approval_uses VALUES (?, ?, ?, ?, ?)", install_id, at_ms, approval_id, use, sats);
      sql.run(
        `UPDATE proj_approvals SET uses = uses + 1, last_used_at = ?,
           status = CASE scope WHEN 'once' THEN 'consumed' ELSE status END WHERE approval_id = ?`,
        ...[at, approval_id],
      );
    }
  }
}

/** Approvals, those that wait first, then the newest, at most `limit`. */
export function listApprovals(
  sql: Sql,
  query: { readonly limit: number; readonly status?: ApprovalView["status"]; readonly install_id?: string },
): readonly ApprovalView[] {
  const conditions = ["TRUE"];
  const values: SqlValue[] = [];
  for (const name of ["status", "install_id"] as const) {
    const value = query[name];
    if (value === undefined) continue;
    conditions.push(`${name} = ?`);
    values.push(value);
  }
  return sql
    .all(
      `SELECT * FROM proj_approvals WHERE ${conditions.join(" AND ")}
       ORDER BY status <> 'requested', approval_id DESC LIMIT ?`,
      ...[...values, query.limit],
    )
    .map(toView);
}

/** One approval, or null where there is none. */
export function getApproval(sql: Sql, approval_id: string): ApprovalView | null {
  const row = one(sql, "SELECT * FROM proj_approvals WHERE approval_id = ?", approval_id);
  return row === undefined ? null : toView(row);
}

/** What may approve an action of a run: approvals in force, and those that the run has used up itself. */
export function approvalsFor(sql: Sql, install_id: string, run_id: string, limit: number): readonly PolicyApproval[] {
  const rows = sql.all(
    `SELECT * FROM proj_approvals WHERE install_id = ? AND status = 'approved'
       AND (run_id IS NULL OR run_id = ? OR scope IN ('room', 'workspace', 'template'))
     UNION ALL SELECT * FROM proj_approvals WHERE run_id = ? AND status = 'consumed' LIMIT ?`,
    ...[install_id, run_id, run_id, limit],
  );
  return rows.map(toView).map(({ approval_id, scope, pins, expires_at_ms }) => {
    return approvalOf(approval_id, scope, pins, expires_at_ms);
  });
}

/** What a run's step last asked for with exactly this action, or null. */
export function requestOf(sql: Sql, run_id: string, step_id: string, action_sha256: string): ApprovalView | null {
  const row = one(
    sql,
    `SELECT * FROM proj_approvals WHERE run_id = ? AND step_id = ? AND action_sha256 = ?
     ORDER BY approval_id DESC LIMIT 1`,
    ...[run_id, step_id, action_sha256],
  );
  return row === undefined ? null : toView(row);
}

/** The approvals that a run's steps asked for. */
export function approvalsOf(sql: Sql, run_id: string): readonly string[] {
  const rows = sql.all<{ approval_id: string }>("SELECT approval_id FROM proj_approvals WHERE run_id = ?", run_id);
  return rows.map(({ approval_id }) => approval_id);
}

/** Approvals of an install that wait or are in force. */
export function openApprovals(sql: Sql, install_id: string): readonly ApprovalView[] {
  return sql
    .all("SELECT * FROM proj_approvals WHERE install_id = ? AND status IN ('requested', 'approved')", install_id)
    .map(toView);
}

/** Approvals whose time is over at `now_ms` though nothing says so yet. */
export function overdueApprovals(sql: Sql, now_ms: number, limit: number): readonly ApprovalView[] {
  return sql
    .all(
      `SELECT * FROM proj_approvals WHERE status IN ('requested', 'approved') AND expires_at_ms <= ?
       ORDER BY expires_at_ms LIMIT ?`,
      ...[now_ms, limit],
    )
    .map(toView);
}

/** How many approvals wait for the owner; of one install, where it is named. */
export function countRequested(sql: Sql, install_id: string): number {
  const query = "SELECT count(*) AS count FROM proj_approvals WHERE install_id = ? AND status = 'requested'";
  return one<{ count: number }>(sql, query, install_id)?.count ?? 0;
}

/** How often an install has written outside since a time. */
export function externalWritesSince(
  sql: Sql,
  install_id: string,
  since_ms: number,
  until_ms: number = Number.MAX_SAFE_INTEGER,
): number {
  const query = "SELECT count(*) AS count FROM proj_approval_uses WHERE install_id = ? AND at_ms > ? AND at_ms <= ?";
  return one<{ count: number }>(sql, query, install_id, since_ms, until_ms)?.count ?? 0;
}

/** When an install that has written outside `limit` times within the window may again; null: never, with this limit. */
export function externalWriteFreeAt(
  sql: Sql,
  install_id: string,
  { limit, window_ms, now_ms }: { readonly limit: number; readonly window_ms: number; readonly now_ms: number },
): number | null {
  if (limit === 0) return null;
  const query = `SELECT at_ms FROM proj_approval_uses WHERE install_id = ? AND at_ms > ? AND at_ms <= ?
    ORDER BY at_ms DESC LIMIT 1 OFFSET ?`;
  const oldest = one<{ at_ms: number }>(sql, query, install_id, now_ms - window_ms, now_ms, limit - 1);
  return (oldest?.at_ms ?? now_ms - window_ms) + window_ms;
}

/** What an install was let spend since a time, in sats; without one use, which may go on. */
export function satsSince(
  sql: Sql,
  install_id: string,
  { since_ms, until_ms = Number.MAX_SAFE_INTEGER, but = "" }: { since_ms: number; until_ms?: number; but?: string },
): number {
  const query = `SELECT coalesce(sum(sats), 0) AS sats FROM proj_approval_uses
    WHERE install_id = ? AND at_ms > ? AND at_ms <= ? AND use <> ?`;
  return one<{ sats: number }>(sql, query, install_id, since_ms, until_ms, but)?.sats ?? 0;
}

/** When an install may spend so many sats more; null: never, with this limit. */
export function satsFreeAt(
  sql: Sql,
  install_id: string,
  { limit, amount, window_ms, now_ms }: { limit: number; amount: number; window_ms: number; now_ms: number },
): number | null {
  if (amount > limit) return null;
  const uses = sql.all<{ at_ms: number; sats: number }>(
    `SELECT at_ms, sats FROM proj_approval_uses WHERE install_id = ? AND at_ms > ? AND at_ms <= ? AND sats > 0
     ORDER BY at_ms`,
    ...[install_id, now_ms - window_ms, now_ms],
  );
  let used = uses.reduce((sum, { sats }) => sum + sats, 0);
  let free_at_ms = now_ms;
  for (const { at_ms, sats } of uses) {
    if (used + amount <= limit) break;
    used -= sats;
    free_at_ms = at_ms + window_ms;
  }
  return free_at_ms;
}

function toView(row: Readonly<Record<string, SqlValue>>): ApprovalView {
  const { action_sha256: _, ...view } = row;
  const json = (name: string): unknown => keptJson(row[name]);
  return { ...view, pins: json("pins"), reasons: json("reasons") } as unknown as ApprovalView;
}
