import type { EventDraft, Recorded } from "../core/envelope.ts";
import { canonicalize } from "../core/json.ts";
import type { Projection } from "../core/projection.ts";
import { keptJson, one, type Sql, type SqlValue } from "../core/sql.ts";
import type { CapabilityEvent, CapabilityScope } from "../generated/types.ts";

/** A capability token as lists show it; its text is nowhere. Times are ISO 8601 in UTC. */
export interface CapabilityView {
  readonly capability_id: string;
  /** What it was made of; null: it was minted, or never told of. */
  readonly parent_id: string | null;
  readonly label: string;
  readonly depth: number;
  readonly principal: string | null;
  readonly scope: CapabilityScope;
  readonly status: "active" | "revoked";
  readonly expires_at_ms: number;
  readonly created_at: string;
  /** Why it was revoked. */
  readonly reason: string | null;
}

/** `proj_capabilities`. */
export const capabilityProjection: Projection = {
  name: "capabilities",
  tables: ["proj_capabilities"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_capabilities (
       capability_id TEXT PRIMARY KEY, parent_id TEXT, label TEXT NOT NULL, depth INTEGER NOT NULL, principal TEXT,
       scope TEXT NOT NULL, status TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, created_at TEXT NOT NULL,
       reason TEXT) WITHOUT ROWID`,
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<CapabilityEvent>;
  const { subject_id, occurred_at: at } = event;
  const insert = (...values: readonly SqlValue[]): void =>
    sql.run("INSERT INTO proj_capabilities VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", subject_id, ...values);
  switch (event.event_type) {
    case "capability.minted": {
      const { label, principal, scope, expires_at_ms } = event.data;
      insert(null, label, 0, principal, canonicalize(scope), "active", expires_at_ms, at, null);
      break;
    }
    case "capability.delegated": {
      const { parent_id, principal = null, depth, label, scope, expires_at_ms } = event.data;
      insert(parent_id, label, depth, principal, canonicalize(scope), "active", expires_at_ms, at, null);
      break;
    }
    case "capability.revoked":
      sql.run(
        `INSERT INTO proj_capabilities VALUES (?, NULL, 'never told of', 0, NULL, '{}', 'revoked', 0, ?, ?)
         ON CONFLICT (capability_id) DO UPDATE SET status = 'revoked', reason = excluded.reason`,
        ...[subject_id, at, event.data.reason],
      );
  }
}

/** Tokens, the newest first, at most `limit`. */
export function listCapabilities(sql: Sql, limit: number): readonly CapabilityView[] {
  return sql.all("SELECT * FROM proj_capabilities ORDER BY created_at DESC, capability_id LIMIT ?", limit).map(toView);
}

export function getCapability(sql: Sql, capability_id: string): CapabilityView | null {
  const row = one(sql, "SELECT * FROM proj_capabilities WHERE capability_id = ?", capability_id);
  return row === undefined ? null : toView(row);
}

/** How the log has a token: `unknown` where its root was never minted, `revoked` where any of its chain was. */
export function standingOf(sql: Sql, ids: readonly [string, ...string[]]): "known" | "unknown" | "revoked" {
  const rows = sql.all<{ capability_id: string; status: string }>(
    "SELECT capability_id, status FROM proj_capabilities WHERE capability_id IN (SELECT value FROM json_each(?))",
    JSON.stringify(ids),
  );
  if (rows.some(({ status }) => status === "revoked")) return "revoked";
  return rows.some(({ capability_id }) => capability_id === ids[0]) ? "known" : "unknown";
}

function toView(row: Readonly<Record<string, SqlValue>>): CapabilityView {
  return { ...row, scope: keptJson(row.scope) } as unknown as CapabilityView;
}
