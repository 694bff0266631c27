import { HOUR_MS } from "../core/durations.ts";
import { foldAll } from "../core/fold.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection } from "../core/refusal.ts";
import type { CronSchedule, MachineReadings, ScheduleEvent, ScheduleTrace } from "../generated/types.ts";
import { scheduleDecider } from "./decider.ts";
import type { StartGates } from "./waits.ts";

/** A stretch of the past (or future) to go through again. Times are Unix milliseconds, `until_ms` exclusive. */
export interface SimulationRequest {
  readonly install_id: string;
  readonly worker_id: string;
  readonly schedule: CronSchedule;
  readonly from_ms: number;
  readonly until_ms: number;
  /** How long a run is taken to last. */
  readonly run_ms: number;
  /** What was measured, in order; a moment that none of them covers is unknown. */
  readonly records: readonly { readonly at_ms: number; readonly readings: MachineReadings }[];
  /** When the machine slept or its worker was stopped, in order: nothing is decided then. */
  readonly absences: readonly { readonly from_ms: number; readonly until_ms: number }[];
  /** The licence and the quotas as they stood at a time. */
  readonly gatesAt: (at_ms: number) => StartGates;
}

export interface SimulatedDecision {
  readonly at_ms: number;
  readonly kind: "fired" | "skipped" | "deferred";
  readonly trace: ScheduleTrace;
}

export interface Simulation {
  readonly decisions: readonly SimulatedDecision[];
  /** False where there were more decisions than `LIMITS.schedule_simulated`. */
  readonly complete: boolean;
}

/** How long a measurement speaks for the machine: while something waits, one is recorded at least this often. */
const VALID_MS = LIMITS.machine_record_ms + 2 * LIMITS.machine_measure_ms;

/** How long a measurement takes that a decision asks for: it is recorded so much later than what was due. */
const TAKES_MS = LIMITS.machine_sensor_ms + LIMITS.machine_cpu_sample_ms;

/**
 * What a schedule would have done: the same rules over the same measurements, on a clock that jumps from one moment that
 * matters to the next. Refusals: those of `scheduleDecider`.
 */
export function simulateSchedule(request: SimulationRequest): Simulation | Rejection {
  const { install_id, worker_id, schedule, from_ms, until_ms, run_ms, absences } = request;
  const set = { type: "set", now_ms: from_ms - 1, install_id, worker_id, schedule } as const;
  const first = scheduleDecider.decide(scheduleDecider.initial, set);
  if (isRejection(first)) return first;
  let state = foldAll(scheduleDecider, first);
  const decisions: SimulatedDecision[] = [];
  let run_ends_ms = Number.NEGATIVE_INFINITY;
  let now_ms = from_ms;
  for (let moment = 0; moment < 3 * LIMITS.schedule_simulated; moment += 1) {
    const next_ms = nextMoment(state, now_ms, run_ends_ms, request.records);
    if (next_ms === null) return { decisions, complete: true };
    const absence = absences.find((away) => away.from_ms <= next_ms && next_ms < away.until_ms);
    now_ms = absence?.until_ms ?? next_ms;
    if (now_ms >= until_ms) return { decisions, complete: true };
    if (decisions.length >= LIMITS.schedule_simulated) break;
    const decided = scheduleDecider.decide(state, {
      type: "check",
      now_ms,
      active_runs: run_ends_ms > now_ms ? 1 : 0,
      gates: request.gatesAt(now_ms),
      machine: readingsAt(request.records, now_ms),
      clock_jump_ms: 0,
      away_ms: absence === undefined ? 0 : absence.until_ms - absence.from_ms,
    });
    if (isRejection(decided)) return decided;
    for (const event of decided) {
      state = scheduleDecider.evolve(state, event);
      const decision = decisionOf(event, now_ms);
      if (decision !== null) decisions.push(decision);
      if (event.event_type === "schedule.fired") {
        const { due_ms } = event.data;
        const started = scheduleDecider.decide(state, { type: "record_start", due_ms, run_id: "simulated" });
        if (!isRejection(started)) state = foldAll(scheduleDecider, started, state);
        run_ends_ms = now_ms + run_ms;
      }
    }
    if (state.waiting?.for === "run" && schedule.overlap === "cancel_running") run_ends_ms = now_ms + 1;
  }
  return { decisions, complete: false };
}

/** The next time at which something can be decided, after `now_ms` where something waits. */
function nextMoment(
  state: ReturnType<typeof foldAll<typeof scheduleDecider.initial, ScheduleEvent>>,
  now_ms: number,
  run_ends_ms: number,
  records: SimulationRequest["records"],
): number | null {
  if (state.next === null) return null;
  const until_ms = Math.max(state.next.fire_at_ms, now_ms);
  if (state.waiting === null || state.waiting.for === "window") return until_ms;
  // Quotas count by the hour, and licences are given at any time.
  if (state.waiting.for === "licence" || state.waiting.for === "budget") return Math.min(now_ms + HOUR_MS, until_ms);
  if (state.waiting.for === "run") return run_ends_ms > now_ms ? Math.min(run_ends_ms, until_ms) : until_ms;
  const index = firstAfter(records, now_ms);
  const changes = [records[index]?.at_ms, (records[index - 1]?.at_ms ?? Number.NaN) + VALID_MS + 1];
  return Math.min(until_ms, ...changes.filter((at_ms): at_ms is number => at_ms !== undefined && at_ms > now_ms));
}

/** Of each sensor, what it said last, while that still holds, or said when it was asked then. */
function readingsAt(records: SimulationRequest["records"], now_ms: number): MachineReadings {
  let readings: MachineReadings = {};
  for (let index = firstAfter(records, now_ms + TAKES_MS) - 1; index >= 0; index -= 1) {
    const record = records[index];
    if (record === undefined || now_ms - record.at_ms > VALID_MS) break;
    readings = { ...record.readings, ...readings };
  }
  return readings;
}

/** The index of the first record after `at_ms`. */
function firstAfter(records: SimulationRequest["records"], at_ms: number): number {
  let [low, high] = [0, records.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((records[middle]?.at_ms ?? 0) <= at_ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

function decisionOf(event: ScheduleEvent, at_ms: number): SimulatedDecision | null {
  switch (event.event_type) {
    case "schedule.fired":
      return { at_ms, kind: "fired", trace: event.data.trace };
    case "schedule.skipped":
      return { at_ms, kind: "skipped", trace: event.data.trace };
    case "schedule.deferred":
      return { at_ms, kind: "deferred", trace: event.data.trace };
    default:
      return null;
  }
}
