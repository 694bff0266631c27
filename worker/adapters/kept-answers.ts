import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { AupFinding } from "@oa/shared/policy/aup/assess.ts";

/** What a model answered about texts, by a key that changes with the texts and with the model. */
export interface KeptAnswers {
  readonly get: (key: string) => readonly AupFinding[] | null;
  readonly keep: (key: string, findings: readonly AupFinding[]) => void;
}

/**
 * Kept in the worker's database: a run at night starts though its model is off, also after a restart. The
 * `LIMITS.aup_answers_kept` that were asked for last stay. Not part of the record of events; lost, the model is asked
 * again.
 */
export function keptAnswers(sql: Sql): KeptAnswers {
  sql.run(
    `CREATE TABLE IF NOT EXISTS aup_answers (
       place INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, findings TEXT NOT NULL)`,
  );
  const last = (): number => one<{ place: number }>(sql, "SELECT max(place) AS place FROM aup_answers")?.place ?? 0;
  const keep: KeptAnswers["keep"] = (key, findings) => {
    const place = last() + 1;
    const text = JSON.stringify(findings.slice(0, LIMITS.policy_reasons));
    sql.run("INSERT OR REPLACE INTO aup_answers (place, key, findings) VALUES (?, ?, ?)", place, key, text);
    sql.run(
      "DELETE FROM aup_answers WHERE place <= (SELECT place FROM aup_answers ORDER BY place DESC LIMIT 1 OFFSET ?)",
      LIMITS.aup_answers_kept,
    );
  };
  return {
    get: (key) => {
      const query = "SELECT place, findings FROM aup_answers WHERE key = ?";
      const row = one<{ place: number; findings: string }>(sql, query, key);
      if (row === undefined) return null;
      const findings = JSON.parse(row.findings) as readonly AupFinding[];
      // Moved up only once it is among the older half: most questions then write nothing.
      if (row.place <= last() - LIMITS.aup_answers_kept / 2) keep(key, findings);
      return findings;
    },
    keep,
  };
}
