import type { EventDraft, Recorded } from "../core/envelope.ts";
import { eventRows, unsealed } from "../core/event-log.ts";
import { LIMITS } from "../core/limits.ts";
import type { Projection } from "../core/projection.ts";
import { one, type Sql, type SqlValue } from "../core/sql.ts";
import type { ArtifactRef, RunCreated, RunEvent, RunPaused } from "../generated/types.ts";
import type { RunStatus } from "./process.ts";
import { type StepHistory, stepHistories } from "./steps.ts";

/** A run as lists show it. Times are ISO 8601 in UTC. */
export interface RunSummary {
  readonly run_id: string;
  readonly install_id: string | null;
  readonly upgrade_id: string;
  readonly upgrade_version: string;
  readonly title: string;
  readonly reason: RunCreated["data"]["reason"];
  readonly manifest_sha256: string;
  readonly status: RunStatus;
  readonly steps_total: number;
  readonly steps_done: number;
  /** Why it failed or was canceled. */
  readonly code: string | null;
  readonly message: string | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** Who paused it and why; null while it may go on. */
  readonly paused_by: RunPaused["data"]["by"] | null;
  readonly paused_reason: string | null;
  /** When the lease of the engine that holds it ends, Unix milliseconds; null: it is held without one, or not at all. */
  readonly lease_until_ms: number | null;
  /** When it fails if it has not ended, Unix milliseconds. */
  readonly deadline_ms: number | null;
  /** The completion note: null where none was wanted. */
  readonly note: "pending" | "posted" | "failed" | null;
}

export interface RunStepView {
  readonly step_id: string;
  readonly op: string;
  readonly status: "waiting" | "running" | "succeeded" | "failed";
  readonly attempt: number;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly duration_ms: number | null;
  readonly retry_at_ms: number | null;
  readonly code: string | null;
  readonly message: string | null;
  /** What the programs it started were kept in; null for an op that starts none. */
  readonly sandbox: "bubblewrap" | "seatbelt" | "none" | null;
}

/** A run with its steps, in order, and its outputs. */
export interface RunView extends RunSummary {
  readonly steps: readonly RunStepView[];
  readonly artifacts: readonly (ArtifactRef & { readonly step_id: string })[];
}

/**
 * `proj_runs` and `proj_artifacts`. Sealed values are not copied here: they must stay deletable. Steps are read from the
 * log, where they stand already: recording one writes to nothing else.
 */
export const runProjection: Projection = {
  name: "runs",
  tables: ["proj_runs", "proj_artifacts"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_runs (
       run_id TEXT PRIMARY KEY, install_id TEXT, upgrade_id TEXT NOT NULL, upgrade_version TEXT NOT NULL,
       title TEXT NOT NULL, reason TEXT NOT NULL, manifest_sha256 TEXT NOT NULL, status TEXT NOT NULL,
       steps_total INTEGER NOT NULL, code TEXT, message TEXT,
       created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT, note TEXT,
       paused_by TEXT, paused_reason TEXT, lease_until_ms INTEGER, deadline_ms INTEGER) WITHOUT ROWID`,
    "CREATE INDEX IF NOT EXISTS proj_runs_open ON proj_runs (status, run_id) WHERE status IN ('queued', 'running')",
    "CREATE INDEX IF NOT EXISTS proj_runs_note ON proj_runs (run_id) WHERE note = 'pending'",
    "CREATE INDEX IF NOT EXISTS proj_runs_install ON proj_runs (install_id, run_id)",
    `CREATE TABLE IF NOT EXISTS proj_artifacts (
       artifact_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, step_id TEXT NOT NULL, name TEXT NOT NULL,
       media_type TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, created_at TEXT NOT NULL) WITHOUT ROWID`,
    "CREATE INDEX IF NOT EXISTS proj_artifacts_run ON proj_artifacts (run_id, artifact_id)",
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<RunEvent>;
  const { subject_id: run_id, occurred_at: at } = event;
  switch (event.event_type) {
    case "run.created":
      created(sql, run_id, at, event.data);
      break;
    case "run.claimed": {
      const { lease_until_ms = null, lease_token_sha256 } = event.data;
      sql.run("UPDATE proj_runs SET lease_until_ms = ? WHERE run_id = ?", lease_until_ms, run_id);
      if (lease_token_sha256 === undefined) started(sql, run_id, at);
      break;
    }
    case "run.started":
      started(sql, run_id, at);
      break;
    case "run.lease_extended":
      sql.run("UPDATE proj_runs SET lease_until_ms = ? WHERE run_id = ?", event.data.lease_until_ms, run_id);
      break;
    case "run.released":
      sql.run(
        `UPDATE proj_runs SET lease_until_ms = NULL, status = iif(status = 'running', 'queued', status)
         WHERE run_id = ?`,
        run_id,
      );
      break;
    case "run.paused":
      paused(sql, run_id, event.data.by, event.data.reason);
      break;
    case "run.resumed":
    case "run.cancel_requested":
      paused(sql, run_id, null, null);
      break;
    case "artifact.created": {
      const { step_id, artifact } = event.data;
      const { artifact_id, name, media_type, bytes, sha256 } = artifact;
      sql.run(
        "INSERT INTO proj_artifacts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        artifact_id,
        run_id,
        step_id,
        name,
        media_type,
        bytes,
        sha256,
        at,
      );
      break;
    }
    case "run.completed":
      finished(sql, run_id, at, "succeeded", null, null);
      note(sql, run_id, event.data.note_relays.length === 0 ? null : "pending");
      break;
    case "run.failed":
      finished(sql, run_id, at, "failed", event.data.code, event.data.message);
      break;
    case "run.canceled":
      finished(sql, run_id, at, "canceled", "canceled", event.data.reason);
      break;
    case "note.posted":
      note(sql, run_id, "posted");
      break;
    case "note.failed":
      if (event.data.retry_at_ms === null) note(sql, run_id, "failed");
  }
}

function created(sql: Sql, run_id: string, at: string, data: RunCreated["data"]): void {
  sql.run(
    "INSERT INTO proj_runs VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, NULL, NULL, ?, NULL, NULL, NULL, NULL, NULL, NULL, ?)",
    run_id,
    data.install_id,
    data.upgrade_id,
    data.upgrade_version,
    data.title,
    data.reason,
    data.manifest_sha256,
    data.steps.length,
    at,
    data.deadline_ms ?? null,
  );
}

function started(sql: Sql, run_id: string, at: string): void {
  sql.run(
    `UPDATE proj_runs SET status = 'running', started_at = coalesce(started_at, ?)
     WHERE run_id = ? AND status IN ('queued', 'running')`,
    at,
    run_id,
  );
}

function paused(sql: Sql, run_id: string, by: string | null, reason: string | null): void {
  sql.run("UPDATE proj_runs SET paused_by = ?, paused_reason = ? WHERE run_id = ?", by, reason, run_id);
}

function finished(
  sql: Sql,
  run_id: string,
  at: string,
  status: RunStatus,
  code: string | null,
  message: string | null,
): void {
  sql.run(
    `UPDATE proj_runs SET status = ?, finished_at = ?, code = ?, message = ?, paused_by = NULL, paused_reason = NULL
     WHERE run_id = ?`,
    status,
    at,
    code,
    message,
    run_id,
  );
}

function note(sql: Sql, run_id: string, value: RunSummary["note"]): void {
  sql.run("UPDATE proj_runs SET note = ? WHERE run_id = ?", value, run_id);
}

const SELECT_RUN = `SELECT *, iif(status = 'succeeded', steps_total, (SELECT count(*) FROM evt_events
     WHERE position IN (SELECT position FROM evt_places WHERE subject_id = run_id)
       AND event_type = 'step.succeeded')) AS steps_done FROM proj_runs`;

/** Newest first. `before` is the run_id of the last one already seen; at most `limit`, which is at most 500. */
export function listRuns(
  sql: Sql,
  query: {
    readonly limit: number;
    readonly before?: string;
    readonly install_id?: string;
    readonly status?: RunStatus;
    readonly reason?: RunSummary["reason"];
    /** Only runs made at that time or before, ISO 8601 in UTC. */
    readonly created_until?: string;
  },
): readonly RunSummary[] {
  const conditions = ["run_id < ?"];
  const values: SqlValue[] = [query.before ?? "s"]; // every run_id sorts before "s"
  if (query.install_id !== undefined) {
    conditions.push("install_id = ?");
    values.push(query.install_id);
  }
  if (query.status !== undefined) {
    conditions.push("status = ?");
    values.push(query.status);
  }
  if (query.reason !== undefined) {
    conditions.push("reason = ?");
    values.push(query.reason);
  }
  if (query.created_until !== undefined) {
    conditions.push("created_at <= ?");
    values.push(query.created_until);
  }
  const rows = sql.all(
    `${SELECT_RUN} WHERE ${conditions.join(" AND ")} ORDER BY run_id DESC LIMIT ?`,
    ...values,
    Math.min(query.limit, 500),
  );
  return rows as unknown as readonly RunSummary[];
}

/** One run as lists show it, or null where there is none. */
export function runSummary(sql: Sql, run_id: string): RunSummary | null {
  return (one(sql, `${SELECT_RUN} WHERE run_id = ?`, run_id) as RunSummary | undefined) ?? null;
}

/** One run with its steps and artifacts, or null where there is none. */
export function getRun(sql: Sql, run_id: string): RunView | null {
  const run = runSummary(sql, run_id);
  if (run === null) return null;
  const events = [...eventRows(sql, 0, run_id)].map(unsealed) as readonly Recorded<RunEvent>[];
  const steps = stepHistories(events).map(latest);
  const artifacts = sql.all(
    `SELECT artifact_id, step_id, name, media_type, bytes, sha256 FROM proj_artifacts
     WHERE run_id = ? ORDER BY artifact_id`,
    run_id,
  );
  return { ...run, steps, artifacts } as unknown as RunView;
}

/** A step as its latest attempt left it. */
function latest({ step_id, op, status, attempts }: StepHistory): RunStepView {
  const last = attempts.at(-1);
  return {
    ...{ step_id, op, status, attempt: last?.attempt ?? 0 },
    ...{ started_at: last?.started_at ?? null, finished_at: last?.ended_at ?? null },
    ...{ duration_ms: last?.duration_ms ?? null, retry_at_ms: last?.retry_at_ms ?? null },
    ...{ code: last?.code ?? null, message: last?.message ?? null, sandbox: last?.sandbox ?? null },
  };
}

/**
 * Runs an engine of this worker has something to do for at `now_ms`, oldest first: queued or running ones, then pending
 * completion notes; not those that are paused, until their deadline, or that another engine holds under a lease.
 */
export function openRuns(sql: Sql, limit: number, now_ms: number): readonly string[] {
  const rows = sql.all<{ run_id: string }>(
    `SELECT run_id FROM (
       SELECT run_id, 0 AS rank FROM proj_runs WHERE status IN ('queued', 'running')
         AND (paused_by IS NULL OR deadline_ms <= ?) AND coalesce(lease_until_ms, 0) <= ?
       UNION ALL SELECT run_id, 1 FROM proj_runs WHERE note = 'pending')
     ORDER BY rank, run_id LIMIT ?`,
    now_ms,
    now_ms,
    limit,
  );
  return rows.map(({ run_id }) => run_id);
}

/** Runs that nobody asked for by hand and that the owner has not paused: the machine's state may pause and resume them. */
export function watchedRuns(
  sql: Sql,
): readonly { readonly run_id: string; readonly install_id: string; readonly paused_by: "machine" | null }[] {
  return sql.all(
    `SELECT run_id, install_id, paused_by FROM proj_runs WHERE status IN ('queued', 'running')
     AND reason != 'manual' AND install_id IS NOT NULL AND coalesce(paused_by, 'machine') = 'machine'
     AND started_at IS NOT NULL
     ORDER BY run_id LIMIT ?`,
    LIMITS.runs_queued,
  );
}

/** Runs that an engine may claim under a lease, oldest first, of one of these manifests. */
export function claimableRuns(
  sql: Sql,
  manifests: readonly string[],
  now_ms: number,
  limit: number,
): readonly string[] {
  const rows = sql.all<{ run_id: string }>(
    `SELECT run_id FROM proj_runs WHERE status IN ('queued', 'running') AND paused_by IS NULL
     AND manifest_sha256 IN (SELECT value FROM json_each(?))
     AND (status = 'queued' AND lease_until_ms IS NULL OR lease_until_ms <= ?) ORDER BY run_id LIMIT ?`,
    JSON.stringify(manifests),
    now_ms,
    limit,
  );
  return rows.map(({ run_id }) => run_id);
}

/** The runs of an install that wait or are running, oldest first. */
export function openRunsOf(sql: Sql, install_id: string): readonly string[] {
  const rows = sql.all<{ run_id: string }>(
    "SELECT run_id FROM proj_runs WHERE status IN ('queued', 'running') AND install_id = ? ORDER BY run_id",
    install_id,
  );
  return rows.map(({ run_id }) => run_id);
}

/** How many runs wait or are running; of one install, where it is named. */
export function countOpenRuns(sql: Sql, install_id?: string): number {
  const where = install_id === undefined ? "" : "AND install_id = ?";
  const row = one<{ runs: number }>(
    sql,
    `SELECT count(*) AS runs FROM proj_runs WHERE status IN ('queued', 'running') ${where}`,
    ...(install_id === undefined ? [] : [install_id]),
  );
  return row?.runs ?? 0;
}

/**
 * The runs of one release that failed in a row up to now, the latest first, at most `limit`: why, and when (ISO 8601 in
 * UTC). Canceled runs, trial runs of others, and failures with one of `excused` say nothing about it.
 */
export function failuresInARow(
  sql: Sql,
  release: { readonly install_id: string; readonly manifest_sha256: string; readonly since: string },
  { excused, limit }: { readonly excused: readonly string[]; readonly limit: number },
): readonly { readonly code: string; readonly finished_at: string }[] {
  const rows = sql.all<{ status: RunStatus; code: string; finished_at: string }>(
    `SELECT status, code, finished_at FROM proj_runs WHERE install_id = ? AND manifest_sha256 = ? AND created_at >= ?
       AND (status = 'succeeded' OR status = 'failed' AND code NOT IN (SELECT value FROM json_each(?)))
     ORDER BY run_id DESC LIMIT ?`,
    ...[release.install_id, release.manifest_sha256, release.since, JSON.stringify(excused), limit],
  );
  const end = rows.findIndex(({ status }) => status === "succeeded");
  return end < 0 ? rows : rows.slice(0, end);
}

/** Whether a run of one of `install_ids` ended well between two times, ISO 8601 in UTC. */
export function ranThroughBetween(sql: Sql, install_ids: readonly string[], from: string, until: string): boolean {
  const found = one(
    sql,
    `SELECT 1 AS found FROM proj_runs WHERE install_id IN (SELECT value FROM json_each(?))
       AND status = 'succeeded' AND finished_at BETWEEN ? AND ? LIMIT 1`,
    ...[JSON.stringify(install_ids), from, until],
  );
  return found !== undefined;
}
