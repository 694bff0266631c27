import type { EventDraft, Recorded } from "../core/envelope.ts";
import { canonicalize } from "../core/json.ts";
import type { Permission } from "../core/permission.ts";
import type { Projection } from "../core/projection.ts";
import { one, type Sql, type SqlValue } from "../core/sql.ts";
import type { AutoUpdate, InstallChannel, InstallEvent, InstallPins } from "../generated/types.ts";
import type { InstallState } from "./decider.ts";

/** An install as lists show it. `active` is what runs, `pending` what waits for the owner. Times are ISO 8601 in UTC. */
export interface InstallView {
  readonly install_id: string;
  readonly status: Exclude<InstallState["status"], "none">;
  readonly active: InstallPins | null;
  readonly grant: readonly Permission[];
  readonly pending: InstallPins | null;
  readonly approval_reasons: readonly string[];
  /** The last refused config, until one is accepted. */
  readonly refusal: { readonly code: string; readonly message: string; readonly at: string } | null;
  /** The author's words where it took the release back, until another release runs. */
  readonly yanked: { readonly reason: string; readonly yank_event_id: string; readonly at: string } | null;
  readonly auto_update: AutoUpdate;
  readonly channel: InstallChannel;
  /** The release of the last update that the owner denied. */
  readonly denied_release_event_id: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

/** `proj_installs`. */
export const installProjection: Projection = {
  name: "installs",
  tables: ["proj_installs"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_installs (
       install_id TEXT PRIMARY KEY, status TEXT NOT NULL, active TEXT, granted TEXT NOT NULL, pending TEXT,
       approval_reasons TEXT NOT NULL, refusal TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
       auto_update TEXT NOT NULL DEFAULT 'ask',
       channel TEXT NOT NULL DEFAULT 'main', yanked TEXT, denied_release_event_id TEXT)
     WITHOUT ROWID`,
    "CREATE INDEX IF NOT EXISTS proj_installs_status ON proj_installs (status, install_id)",
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<InstallEvent>;
  const { subject_id: install_id, occurred_at: at } = event;
  const set = (assignments: string, ...values: readonly SqlValue[]): void =>
    sql.run(`UPDATE proj_installs SET ${assignments}, updated_at = ? WHERE install_id = ?`, ...values, at, install_id);
  switch (event.event_type) {
    case "install.requested": {
      const pending = canonicalize(event.data.pins); // as the log gives it back, so that a rebuild is identical
      const reasons = JSON.stringify(event.data.approval_reasons);
      sql.run(
        `INSERT INTO proj_installs (install_id, status, granted, pending, approval_reasons, created_at, updated_at)
         VALUES (?, 'pending', '[]', ?, ?, ?, ?)
         ON CONFLICT (install_id) DO UPDATE SET pending = excluded.pending, refusal = NULL,
           approval_reasons = excluded.approval_reasons, updated_at = excluded.updated_at,
           status = CASE WHEN active IS NULL THEN 'pending' ELSE status END`,
        install_id,
        pending,
        reasons,
        at,
        at,
      );
      break;
    }
    case "install.approved":
      set(
        "active = pending, pending = NULL, approval_reasons = '[]', yanked = NULL, granted = ?",
        JSON.stringify(event.data.grant),
      );
      break;
    case "install.updates_set":
      set("auto_update = ?, channel = ?", event.data.auto_update, event.data.channel);
      break;
    case "install.yanked": {
      const { release_event_id, yank_event_id, reason } = event.data;
      set("yanked = ?", JSON.stringify({ reason, yank_event_id, at }));
      sql.run(
        `UPDATE proj_installs SET status = 'yanked' WHERE install_id = ? AND active ->> '$.release_event_id' = ?`,
        ...[install_id, release_event_id],
      );
      sql.run(
        `UPDATE proj_installs SET pending = NULL, approval_reasons = '[]',
           status = CASE WHEN active IS NULL THEN 'removed' ELSE status END
         WHERE install_id = ? AND pending ->> '$.release_event_id' = ?`,
        ...[install_id, release_event_id],
      );
      break;
    }
    case "install.enabled":
      set("status = 'enabled'");
      break;
    case "install.disabled":
      set("status = 'disabled'");
      break;
    case "install.removed":
      set(
        "status = 'removed', active = NULL, pending = NULL, granted = '[]', approval_reasons = '[]', auto_update = 'ask', channel = 'main'",
      );
      break;
    case "install.refused": {
      const { code, message, signed_by } = event.data;
      set("refusal = ?", JSON.stringify({ code, message, at }));
      sql.run(
        `UPDATE proj_installs SET denied_release_event_id = pending ->> '$.release_event_id', pending = NULL,
           approval_reasons = '[]', status = CASE WHEN active IS NULL THEN 'removed' ELSE status END
         WHERE install_id = ? AND pending ->> '$.signed_by.config_event_id' = ?`,
        install_id,
        signed_by.config_event_id,
      );
    }
  }
}

/** Installs, newest first, at most `limit`; removed ones only where they are asked for. */
export function listInstalls(
  sql: Sql,
  query: { readonly limit: number; readonly status?: InstallView["status"] },
): readonly InstallView[] {
  const rows =
    query.status === undefined
      ? sql.all("SELECT * FROM proj_installs WHERE status <> 'removed' ORDER BY install_id DESC LIMIT ?", query.limit)
      : sql.all(
          "SELECT * FROM proj_installs WHERE status = ? ORDER BY install_id DESC LIMIT ?",
          query.status,
          query.limit,
        );
  return rows.map(toView);
}

/** One install, removed ones too, or null where there is none. */
export function getInstall(sql: Sql, install_id: string): InstallView | null {
  const row = one(sql, "SELECT * FROM proj_installs WHERE install_id = ?", install_id);
  return row === undefined ? null : toView(row);
}

function toView(row: Readonly<Record<string, SqlValue>>): InstallView {
  const { granted, ...rest } = row;
  const json = (column: SqlValue | undefined): unknown => (typeof column === "string" ? JSON.parse(column) : null);
  return {
    ...rest,
    active: json(row.active),
    grant: json(granted),
    pending: json(row.pending),
    approval_reasons: json(row.approval_reasons),
    refusal: json(row.refusal),
    yanked: json(row.yanked),
  } as unknown as InstallView;
}
