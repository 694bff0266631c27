import type { EventDraft, Recorded } from "../core/envelope.ts";
import { canonicalize } from "../core/json.ts";
import type { Permission } from "../core/permission.ts";
import type { Projection } from "../core/projection.ts";
import { keptJson, one, type Sql, type SqlValue } from "../core/sql.ts";
import type {
  AutoUpdate,
  InstallChannel,
  InstallEvent,
  InstallPins,
  InstallRelease,
  InstallReleaseSeen,
  InstallRolledBack,
  InstallUpdatesSet,
  RevokedPermission,
  RunCaps,
  ScheduleChanges,
} from "../generated/types.ts";
import { askedRelease, type GrantedRelease, nameOf } from "./release.ts";
import { evolveReleases, NO_RELEASES, type Releases } from "./releases.ts";
import type { InstallState } from "./state.ts";

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
  /** What a moderator that the owner trusts decided of it and that stands. */
  readonly takedown: InstallState["takedown"];
  readonly auto_update: AutoUpdate;
  readonly channel: InstallChannel;
  /** What the owner chose in place of the upgrade's own schedule. */
  readonly schedule_changes: ScheduleChanges | null;
  /** The most that a run may use, where the owner chose it. */
  readonly caps: RunCaps | null;
  /** The release of the last update that the owner denied. */
  readonly denied_release_event_id: string | null;
  /** What the owner chose for updates, in full; what is not named is the worker's or the upgrade's own. */
  readonly updates: InstallUpdatesSet["data"];
  /** Agreed to and on trial. */
  readonly candidate: InstallPins | null;
  /** What can be gone back to, the latest first; `proved`: it ran through at least once. */
  readonly earlier: readonly (InstallRelease &
    Pick<InstallPins, "author_pubkey" | "upgrade_address"> & { readonly proved: boolean })[];
  /** Rolled back: not taken again unasked. */
  readonly set_aside: readonly InstallRelease[];
  /** Releases that their author took back, by event id. */
  readonly taken_back: readonly string[];
  /** When this worker first saw releases of it, the latest first. */
  readonly seen: readonly InstallReleaseSeen["data"][];
  /** What was looked at and may be approved. */
  readonly inspected: InstallRelease | null;
  /** What the owner took away of what it asks for. */
  readonly revoked: readonly RevokedPermission[];
  /** The last time an earlier release came back. */
  readonly rolled_back: (InstallRolledBack["data"] & { readonly at: string }) | null;
  /** Since when `active` runs. */
  readonly active_since: string | null;
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
       channel TEXT NOT NULL DEFAULT 'main', yanked TEXT, denied_release_event_id TEXT, schedule_changes TEXT,
       caps TEXT, updates TEXT, releases TEXT, rolled_back TEXT, active_since TEXT, takedown TEXT)
     WITHOUT ROWID`,
    "CREATE INDEX IF NOT EXISTS proj_installs_status ON proj_installs (status, install_id)",
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  if (!recorded.event_type.startsWith("install.")) return;
  const event = recorded as Recorded<InstallEvent>;
  const { subject_id: install_id, occurred_at: at } = event;
  const set = (assignments: string, ...values: readonly SqlValue[]): void =>
    sql.run(`UPDATE proj_installs SET ${assignments}, updated_at = ? WHERE install_id = ?`, ...values, at, install_id);
  if (event.event_type === "install.requested") {
    sql.run(
      `INSERT INTO proj_installs (install_id, status, granted, approval_reasons, created_at, updated_at)
       VALUES (?, 'pending', '[]', '[]', ?, ?) ON CONFLICT DO NOTHING`,
      ...[install_id, at, at],
    );
  }
  foldReleases(sql, install_id, event, set);
  switch (event.event_type) {
    case "install.requested":
      set(
        "refusal = NULL, approval_reasons = ?, status = CASE WHEN active IS NULL THEN 'pending' ELSE status END",
        JSON.stringify(event.data.approval_reasons),
      );
      break;
    case "install.approved":
      set("approval_reasons = '[]', status = CASE WHEN status = 'pending' THEN 'disabled' ELSE status END");
      if (event.data.staged !== true) set("yanked = NULL, active_since = ?", at);
      break;
    case "install.promoted":
      set("active_since = ?", at);
      break;
    case "install.rolled_back":
      set("rolled_back = ?", canonicalize({ ...event.data, at }));
      if (event.data.by !== "trial") set("yanked = NULL, active_since = ?", at);
      break;
    case "install.updates_set":
      set(
        "auto_update = ?, channel = ?, updates = ?",
        ...[event.data.auto_update, event.data.channel, canonicalize(event.data)],
      );
      break;
    case "install.schedule_set":
      set("schedule_changes = ?", orNull(event.data.changes));
      break;
    case "install.caps_set":
      set("caps = ?", orNull(event.data.caps));
      break;
    case "install.yanked": {
      const { release_event_id, yank_event_id, reason } = event.data;
      sql.run(
        `UPDATE proj_installs SET yanked = ?, status = CASE WHEN active IS NULL THEN status ELSE 'yanked' END
         WHERE install_id = ? AND (active IS NULL OR active ->> '$.release_event_id' = ?)`,
        ...[JSON.stringify({ reason, yank_event_id, at }), install_id, release_event_id],
      );
      set(
        `approval_reasons = CASE WHEN pending IS NULL THEN '[]' ELSE approval_reasons END,
         status = CASE WHEN active IS NULL AND pending IS NULL THEN 'removed' ELSE status END`,
      );
      break;
    }
    case "install.enabled":
      set("status = 'enabled'");
      break;
    case "install.disabled":
      set(
        `takedown = CASE WHEN status = 'disabled' THEN json_set(takedown, '$.stopped', json('false')) ELSE takedown END,
         status = 'disabled'`,
      );
      break;
    case "install.taken_down":
      set("takedown = ?", canonicalize({ ...event.data, overridden: false }));
      break;
    case "install.takedown_overridden":
      set("takedown = json_set(takedown, '$.overridden', json('true'))");
      break;
    case "install.takedown_lifted":
      set("takedown = NULL");
      break;
    case "install.removed":
      set(
        `status = 'removed', approval_reasons = '[]', auto_update = 'ask', channel = 'main', updates = NULL,
         schedule_changes = NULL, caps = NULL, active_since = NULL, rolled_back = NULL,
         takedown = NULL`,
      );
      break;
    case "install.refused": {
      const { code, message } = event.data;
      set("refusal = ?", JSON.stringify({ code, message, at }));
      set(
        `approval_reasons = CASE WHEN pending IS NULL THEN '[]' ELSE approval_reasons END,
         status = CASE WHEN active IS NULL AND pending IS NULL THEN 'removed' ELSE status END`,
      );
    }
  }
}

/** What became of the releases, by the same fold as the rules', without manifests. */
function foldReleases(
  sql: Sql,
  install_id: string,
  event: InstallEvent,
  set: (assignments: string, ...values: readonly SqlValue[]) => void,
): void {
  const row = one<{ releases: string | null }>(
    sql,
    "SELECT releases FROM proj_installs WHERE install_id = ?",
    install_id,
  );
  if (row === undefined) return;
  const before = parseReleases(row.releases);
  const after = evolveReleases(before, event, ({ pins }, revoked) => askedRelease(pins, revoked));
  if (after === before) return;
  const { active, pending } = after;
  if (event.event_type === "install.refused" && before.pending !== null) {
    set("denied_release_event_id = ?", before.pending.pins.release_event_id);
  }
  set(
    "active = ?, granted = ?, pending = ?, releases = ?",
    ...[orNull(active?.pins ?? null), JSON.stringify(active?.grant ?? []), orNull(pending?.pins ?? null)],
    canonicalize(after),
  );
}

function parseReleases(text: unknown): Releases<GrantedRelease> {
  // Written by `foldReleases` alone.
  return typeof text === "string" ? (keptJson(text) as Releases<GrantedRelease>) : NO_RELEASES;
}

function orNull(value: object | null): string | null {
  return value === null ? null : canonicalize(value);
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

/** Installs, newest first, that have a text in a release of theirs: a name, an address, an event id. Not removed ones. */
export function installsHolding(sql: Sql, text: string): readonly InstallView[] {
  return sql
    .all(
      `SELECT * FROM proj_installs WHERE status <> 'removed'
         AND instr(ifnull(active, '') || ifnull(pending, '') || ifnull(releases, ''), ?) > 0
       ORDER BY install_id DESC`,
      text,
    )
    .map(toView);
}

/** One install, removed ones too, or null where there is none. */
export function getInstall(sql: Sql, install_id: string): InstallView | null {
  const row = one(sql, "SELECT * FROM proj_installs WHERE install_id = ?", install_id);
  return row === undefined ? null : toView(row);
}

function toView(row: Readonly<Record<string, SqlValue>>): InstallView {
  const { granted, releases, ...rest } = row;
  const json = (column: SqlValue | undefined): unknown => (typeof column === "string" ? keptJson(column) : null);
  const { candidate, earlier, proved, set_aside, seen, inspected, revoked, yanked } = parseReleases(releases);
  const { auto_update, channel } = row;
  return {
    ...rest,
    ...{ set_aside, seen, inspected, revoked, taken_back: yanked, candidate: candidate?.pins ?? null },
    earlier: earlier.map((one) => {
      const { author_pubkey, upgrade_address, release_event_id } = one.pins;
      return { ...nameOf(one), author_pubkey, upgrade_address, proved: proved.includes(release_event_id) };
    }),
    updates: json(row.updates) ?? { auto_update, channel },
    rolled_back: json(row.rolled_back),
    active: json(row.active),
    grant: json(granted),
    pending: json(row.pending),
    approval_reasons: json(row.approval_reasons),
    refusal: json(row.refusal),
    yanked: json(row.yanked),
    takedown: json(row.takedown),
    schedule_changes: json(row.schedule_changes),
    caps: json(row.caps),
  } as unknown as InstallView;
}
