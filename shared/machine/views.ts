import type { EventDraft, Recorded } from "../core/envelope.ts";
import { canonicalize } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import type { Projection } from "../core/projection.ts";
import { keptJson, type Sql } from "../core/sql.ts";
import type { MachineEvent, MachineReadings } from "../generated/types.ts";

/** What the sensors said at a time, in Unix milliseconds. */
export interface MachineRecord {
  readonly at_ms: number;
  readonly readings: MachineReadings;
}

/** A time in which the machine slept, or its worker was stopped: from `from_ms` on, until `until_ms`. */
export interface Absence {
  readonly from_ms: number;
  readonly until_ms: number;
}

/** `proj_machine_readings` and `proj_machine_absences`, of the last weeks. */
export const machineProjection: Projection = {
  name: "machine",
  tables: ["proj_machine_readings", "proj_machine_absences"],
  ddl: [
    "CREATE TABLE IF NOT EXISTS proj_machine_readings (at_ms INTEGER PRIMARY KEY, readings TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS proj_machine_absences (until_ms INTEGER PRIMARY KEY, from_ms INTEGER NOT NULL)",
  ],
  apply,
};

function apply(sql: Sql, recorded: Recorded<EventDraft>): void {
  const event = recorded as Recorded<MachineEvent>;
  switch (event.event_type) {
    case "machine.measured": {
      const { at_ms, readings } = event.data;
      sql.run("INSERT OR REPLACE INTO proj_machine_readings VALUES (?, ?)", at_ms, canonicalize(readings));
      sql.run("DELETE FROM proj_machine_readings WHERE at_ms < ?", at_ms - LIMITS.schedule_log_ms);
      break;
    }
    case "machine.clock_jumped": {
      const { at_ms, away_ms } = event.data;
      if (away_ms === 0) return;
      sql.run("INSERT OR REPLACE INTO proj_machine_absences VALUES (?, ?)", at_ms, at_ms - away_ms);
      sql.run("DELETE FROM proj_machine_absences WHERE until_ms < ?", at_ms - LIMITS.schedule_log_ms);
    }
  }
}

/** Measurements in [from, until), in order, at most `limit`. */
export function machineRecords(sql: Sql, from_ms: number, until_ms: number, limit: number): readonly MachineRecord[] {
  return sql
    .all<{ at_ms: number; readings: string }>(
      "SELECT at_ms, readings FROM proj_machine_readings WHERE at_ms >= ? AND at_ms < ? ORDER BY at_ms LIMIT ?",
      from_ms,
      until_ms,
      limit,
    )
    .map(({ at_ms, readings }) => ({ at_ms, readings: keptJson(readings) as MachineReadings }));
}

/** Absences that touch [from, until), in order, at most `limit`. */
export function machineAbsences(sql: Sql, from_ms: number, until_ms: number, limit: number): readonly Absence[] {
  return sql.all<{ from_ms: number; until_ms: number }>(
    `SELECT from_ms, until_ms FROM proj_machine_absences WHERE until_ms > ? AND from_ms < ? ORDER BY until_ms LIMIT ?`,
    from_ms,
    until_ms,
    limit,
  );
}
