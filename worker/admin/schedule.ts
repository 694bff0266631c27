import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { CronSchedule, UpgradeSchedule } from "@oa/shared/generated/types.ts";
import { getInstall } from "@oa/shared/install/views.ts";
import { machineAbsences, machineRecords } from "@oa/shared/machine/views.ts";
import { getRun, listRuns } from "@oa/shared/run/views.ts";
import { evaluateConstraints, sensorsFor } from "@oa/shared/schedule/constraints.ts";
import { decisionEntries, dueTimeEntries, standingAt } from "@oa/shared/schedule/log.ts";
import { previewSchedule } from "@oa/shared/schedule/preview.ts";
import { simulateSchedule, withChanges } from "@oa/shared/schedule/simulate.ts";
import { checkSchedule, toCronSchedule } from "@oa/shared/schedule/timing.ts";
import { getSchedule, listSchedules } from "@oa/shared/schedule/views.ts";
import { explain } from "@oa/shared/schedule/why.ts";
import type { MachineState } from "../adapters/machine-state/port.ts";

export interface ScheduleOptions {
  readonly sql: Sql;
  readonly worker: string;
  readonly now_ms: () => number;
  readonly measure: MachineState["measure"];
}

const WEEK_MS = 7 * 86_400_000;
const RUNS_LOOKED_AT = 20;

/** Schedules as the control API shows them. */
export function schedulePort(options: ScheduleOptions): ControlPorts["schedule"] {
  const { sql } = options;
  return {
    preview: ({ expression, timezone: time_zone, from, count, window }) =>
      previewSchedule({
        expression,
        time_zone,
        from_ms: Date.parse(from),
        count,
        ...(window === undefined ? {} : { window }),
      }),
    list: () =>
      listSchedules(sql, LIMITS.api_page).map((schedule) => {
        const install = getInstall(sql, schedule.install_id);
        return { ...schedule, title: install?.active?.title ?? schedule.install_id };
      }),
    why: (install_id, at_ms, signal) => why(options, install_id, at_ms, signal),
    simulate: (install_id, request) => simulate(options, install_id, request),
  };
}

async function why(
  { sql, now_ms: clock, measure }: ScheduleOptions,
  install_id: string,
  at_ms: number | null,
  signal: AbortSignal,
): Promise<object | Rejection> {
  const install = getInstall(sql, install_id);
  if (install === null) return reject("not_found", `there is no install ${install_id}`);
  const schedule = getSchedule(sql, install_id);
  const entries = dueTimeEntries(sql, install_id, at_ms);
  const started = entries.findLast((entry) => entry.kind === "run_started");
  const run = started?.kind === "run_started" ? getRun(sql, started.run_id) : null;
  const { constraints, on_unknown = "wait" } = schedule?.schedule ?? {};
  const sensors = schedule?.waiting_for === "constraints" ? sensorsFor(constraints) : [];
  const readings = sensors.length === 0 ? {} : await measure(sensors, signal);
  const now_ms = clock();
  return explain({
    install_id,
    title: (install.active ?? install.pending)?.title ?? install_id,
    status: install.status,
    at_ms,
    now_ms,
    time_zone: hostTimeZone(),
    schedule,
    standing: standingAt(sql, install_id, at_ms ?? now_ms),
    entries,
    run: run === null ? null : { run_id: run.run_id, status: run.status, message: run.message },
    measured: sensors.length === 0 ? [] : evaluateConstraints(constraints, readings, on_unknown).constraints,
  });
}

function simulate(
  { sql, worker, now_ms }: ScheduleOptions,
  install_id: string,
  request: Parameters<ControlPorts["schedule"]["simulate"]>[1],
): object | Rejection {
  const install = getInstall(sql, install_id);
  if (install === null) return reject("not_found", `there is no install ${install_id}`);
  const { changes = {} } = request;
  const base = getSchedule(sql, install_id)?.schedule ?? declaredBy(install.active?.schedule, changes.expression);
  if (base === null) {
    return reject(
      "usage",
      "this install is on no schedule; say which one to try, for example with --set cron='0 2 * * *'",
    );
  }
  const schedule = withChanges(base, changes);
  const refusal = checkSchedule(schedule);
  if (refusal !== null) return refusal;
  const until_ms = request.to === undefined ? now_ms() : Date.parse(request.to);
  const from_ms = request.from === undefined ? until_ms - WEEK_MS : Date.parse(request.from);
  if (from_ms >= until_ms || until_ms - from_ms > LIMITS.schedule_simulated_ms) {
    const days = LIMITS.schedule_simulated_ms / 86_400_000;
    return reject("usage", `a simulation goes over at most ${days} days, from an earlier time to a later one`);
  }
  const run_ms = usualRunMs(sql, install_id);
  const simulation = simulateSchedule({
    ...{ install_id, worker_id: worker, schedule, from_ms, until_ms, run_ms },
    records: machineRecords(sql, from_ms - LIMITS.machine_record_ms, until_ms, LIMITS.schedule_simulated),
    absences: machineAbsences(sql, from_ms, until_ms, LIMITS.schedule_simulated),
  });
  if (isRejection(simulation)) return simulation;
  return {
    install_id,
    from: new Date(from_ms).toISOString(),
    to: new Date(until_ms).toISOString(),
    schedule,
    run_ms,
    ...simulation,
    recorded: decisionEntries(sql, install_id, { from_ms, until_ms }).filter(({ kind }) => kind !== "run_started"),
  };
}

/** What an install that is on no schedule now would be on; null where nothing names its times. */
function declaredBy(schedule: UpgradeSchedule | undefined, expression: string | undefined): CronSchedule | null {
  const declared = schedule === undefined ? null : toCronSchedule(schedule, hostTimeZone());
  if (declared !== null || expression === undefined) return declared;
  return toCronSchedule({ type: "cron", expression }, hostTimeZone());
}

/** The median of how long the last runs took; 0 where there was none. */
function usualRunMs(sql: Sql, install_id: string): number {
  const lengths = listRuns(sql, { install_id, limit: RUNS_LOOKED_AT })
    .flatMap(({ started_at, finished_at }) =>
      started_at === null || finished_at === null ? [] : [Date.parse(finished_at) - Date.parse(started_at)],
    )
    .sort((a, b) => a - b);
  return Math.max(0, lengths[lengths.length >> 1] ?? 0);
}

function hostTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
