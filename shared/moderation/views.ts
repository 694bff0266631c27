import type { EventDraft, Recorded } from "../core/envelope.ts";
import { foldAll } from "../core/fold.ts";
import type { Projection } from "../core/projection.ts";
import { assert } from "../core/refusal.ts";
import { keptJson, one, type Sql } from "../core/sql.ts";
import type { ModerationCase, ModerationEntry, ModerationEvent } from "../generated/types.ts";
import { entriesOf, entryOf, type Seen, statusOf, urgencyOf } from "./case.ts";
import { type CaseState, moderationCase } from "./decider.ts";
import { weightOf } from "./reports.ts";

/**
 * `proj_cases`, the latest state of each case and how much it waits; `proj_ledger`, the place of each hold, label and
 * take-down in the order in which they came.
 */
export const moderationView: Projection = {
  name: "moderation",
  tables: ["proj_cases", "proj_ledger"],
  ddl: [
    `CREATE TABLE IF NOT EXISTS proj_cases (
       case_id TEXT PRIMARY KEY, urgency INTEGER NOT NULL, unknown INTEGER NOT NULL, state TEXT NOT NULL,
       opened_at TEXT NOT NULL, updated_at TEXT NOT NULL) WITHOUT ROWID`,
    "CREATE INDEX IF NOT EXISTS proj_cases_urgency ON proj_cases (urgency DESC, case_id)",
    "CREATE INDEX IF NOT EXISTS proj_cases_unknown ON proj_cases (unknown) WHERE unknown = 1",
    "CREATE TABLE IF NOT EXISTS proj_ledger (seq INTEGER PRIMARY KEY, event_id TEXT NOT NULL, case_id TEXT NOT NULL)",
  ],
  apply(sql: Sql, recorded: Recorded<EventDraft>) {
    const event = recorded as Recorded<ModerationEvent>;
    const { subject_id: case_id, occurred_at, stream_seq } = event;
    const state = foldAll(moderationCase, [event], stateOf(sql, case_id) ?? moderationCase.initial);
    sql.run(
      `INSERT INTO proj_cases (case_id, urgency, unknown, state, opened_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
       ON CONFLICT (case_id) DO UPDATE SET urgency = ?2, unknown = ?3, state = ?4, updated_at = ?5`,
      ...[case_id, urgencyOf(state), isUnknown(state) ? 1 : 0, JSON.stringify(state), occurred_at],
    );
    if (event.event_type !== "moderation.decided") return;
    const { action, event_id } = event.data.decision;
    if (["hold", "label", "take_down"].includes(action)) {
      sql.run("INSERT INTO proj_ledger (seq, event_id, case_id) VALUES (?, ?, ?)", stream_seq, event_id, case_id);
    }
  },
};

interface Row {
  readonly [column: string]: string | number;
  readonly case_id: string;
  readonly urgency: number;
  readonly state: string;
  readonly opened_at: string;
  readonly updated_at: string;
}

/** Cases that wait the most first, after a cursor, at most `limit`; with the cursor to go on from. */
export function listCases(
  sql: Sql,
  { cursor, limit, ...seen }: { readonly cursor: string | null; readonly limit: number } & Seen,
): { readonly cases: readonly ModerationCase[]; readonly next_cursor: string | null } {
  const [, urgency = "", case_id = ""] = /^(\d{1,9})-(case_[0-9a-f]{32})$/.exec(cursor ?? "") ?? [];
  const rows = sql.all<Row>(
    `SELECT * FROM proj_cases ${case_id === "" ? "" : "WHERE urgency < ?1 OR (urgency = ?1 AND case_id > ?2)"}
     ORDER BY urgency DESC, case_id LIMIT ${limit + 1}`,
    ...(case_id === "" ? [] : [Number(urgency), case_id]),
  );
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    cases: page.map((row) => toCase(row, seen)),
    next_cursor: last === undefined ? null : `${last.urgency}-${last.case_id}`,
  };
}

export function getCase(sql: Sql, case_id: string, seen: Seen): ModerationCase | null {
  const row = one<Row>(sql, "SELECT * FROM proj_cases WHERE case_id = ?", case_id);
  return row === undefined ? null : toCase(row, seen);
}

/** How many cases there are that only reports by unknown keys have opened. */
export function countUnknownCases(sql: Sql): number {
  const row = one<{ count: number }>(sql, "SELECT count(*) AS count FROM proj_cases WHERE unknown = 1");
  return row?.count ?? 0;
}

function isUnknown({ decisions, reports }: CaseState): boolean {
  return decisions.length === 0 && reports.every(({ standing }) => standing === "unknown");
}

/** The ledger before a place in it, the latest first. */
export function ledgerPage(
  sql: Sql,
  { before, limit, ...seen }: { readonly before: number | null; readonly limit: number } & Seen,
): { readonly entries: readonly ModerationEntry[]; readonly next_cursor: string | null } {
  const rows = sql.all<{ seq: number; event_id: string; state: string }>(
    `SELECT l.seq, l.event_id, c.state FROM proj_ledger l JOIN proj_cases c ON c.case_id = l.case_id
     WHERE l.seq < ? ORDER BY l.seq DESC LIMIT ${limit + 1}`,
    before ?? Number.MAX_SAFE_INTEGER,
  );
  const page = rows.slice(0, limit);
  return {
    entries: page.map(({ event_id, state }) => {
      const { decisions } = keptJson(state) as CaseState;
      const decision = decisions.find((one) => one.event_id === event_id);
      assert(decision !== undefined, "the ledger names decisions of its cases");
      return entryOf(decision, decisions, seen);
    }),
    next_cursor: rows.length > limit ? String(page.at(-1)?.seq) : null,
  };
}

function stateOf(sql: Sql, case_id: string): CaseState | null {
  const row = one<{ state: string }>(sql, "SELECT state FROM proj_cases WHERE case_id = ?", case_id);
  return row === undefined ? null : (keptJson(row.state) as CaseState);
}

function toCase({ case_id, state: text, opened_at, updated_at }: Row, seen: Seen): ModerationCase {
  const state = keptJson(text) as CaseState;
  assert(state.target !== null, "a case has a target from its first event on");
  return {
    ...{ case_id, target: state.target, status: statusOf(state, seen), weight: weightOf(state.unanswered) },
    ...{ reports_total: state.reports.length, opened_at, updated_at, reports: [...state.reports] },
    decisions: [...entriesOf(state.decisions, seen)],
  };
}
