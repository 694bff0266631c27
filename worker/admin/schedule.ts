import { whenSentence } from "@oa/shared/api/consent.ts";
import type { ControlPorts, ScheduleDescription } from "@oa/shared/api/ports.ts";
import { DAY_MS } from "@oa/shared/core/durations.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { ownSchedule, withChanges } from "@oa/shared/core/schedule-changes.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { CronSchedule, UpgradeSchedule } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { getInstall } from "@oa/shared/install/views.ts";
import { machineAbsences, machineRecords } from "@oa/shared/machine/views.ts";
import { conductSubject } from "@oa/shared/policy/decider.ts";
import { getQuarantine } from "@oa/shared/policy/views.ts";
import { listRuns } from "@oa/shared/run/views.ts";
import { decisionEntries } from "@oa/shared/schedule/log.ts";
import { type Preview, previewSchedule } from "@oa/shared/schedule/preview.ts";
import { simulateSchedule } from "@oa/shared/schedule/simulate.ts";
import { checkSchedule, toCronSchedule } from "@oa/shared/schedule/timing.ts";
import { getSchedule, listSchedules } from "@oa/shared/schedule/views.ts";
import type { Engine } from "../engine.ts";
import type { Decide } from "./decide.ts";
import { type WhyOptions, whyPort } from "./why.ts";

export interface ScheduleOptions extends Omit<WhyOptions, "time_zone"> {
  readonly worker: string;
  readonly decide: Decide;
  readonly engine: Pick<Engine, "gates">;
}

const WEEK_MS = 7 * DAY_MS;
const RUNS_LOOKED_AT = 20;

/** Schedules as the control API shows and changes them. */
export function schedulePort(options: ScheduleOptions): ControlPorts["schedule"] {
  const { sql, decide } = options;
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
        const { schedule_changes = null } = install ?? {};
        const quarantine = getQuarantine(sql, conductSubject(schedule.install_id));
        return { ...schedule, title: install?.active?.title ?? schedule.install_id, schedule_changes, quarantine };
      }),
    get: (install_id, from_ms, count) => describeSchedule(options, install_id, from_ms, count),
    set: async (install_id, changes) => {
      const done = await decide(installDecider, install_id, { type: "set_schedule", changes });
      return isRejection(done) ? done : describeSchedule(options, install_id, null, PREVIEWED);
    },
    why: whyPort({ ...options, time_zone: hostTimeZone() }),
    simulate: (install_id, request) => simulate(options, install_id, request),
  };
}

const PREVIEWED = 5;

/** What an install runs by, what its upgrade declares, what the owner chose, and the next times, jitter aside. */
function describeSchedule(
  { sql, now_ms }: ScheduleOptions,
  install_id: string,
  from_ms: number | null,
  count: number,
): ScheduleDescription | Rejection {
  const install = getInstall(sql, install_id);
  const pins = install?.active ?? install?.pending;
  if (install === null || pins == null) return reject("not_found", `there is no install ${install_id}`);
  const { schedule_changes } = install;
  const own = ownSchedule(pins.schedule, schedule_changes);
  // Where nothing names a zone, it runs by the one it was set by.
  const zone = getSchedule(sql, install_id)?.schedule.timezone ?? hostTimeZone();
  const schedule = toCronSchedule(own, zone);
  const next = schedule === null ? NEVER : previewOf(schedule, from_ms ?? now_ms(), count);
  if (isRejection(next)) return next;
  return {
    ...{ install_id, title: pins.title, status: install.status, schedule, schedule_changes, ...next },
    timezone: own.timezone ?? zone,
    declared: pins.schedule,
    sentence: whenSentence(own, []),
    declared_sentence: whenSentence(pins.schedule, []),
  };
}

const NEVER: Preview = { fires: [], local: [], clock_changes: [] };

function previewOf(schedule: CronSchedule, from_ms: number, count: number): Preview | Rejection {
  const { expression, timezone: time_zone, window, on_missed } = schedule;
  const within = window === undefined ? {} : { window };
  return previewSchedule({ expression, time_zone, from_ms, count, on_missed, ...within });
}

function simulate(
  { sql, worker, now_ms, engine }: ScheduleOptions,
  install_id: string,
  request: Parameters<ControlPorts["schedule"]["simulate"]>[1],
): object | Rejection {
  const install = getInstall(sql, install_id);
  if (install === null) return reject("not_found", `there is no install ${install_id}`);
  const { changes = {} } = request;
  const declared = install.active === null ? undefined : ownSchedule(install.active.schedule, install.schedule_changes);
  const base = getSchedule(sql, install_id)?.schedule ?? declaredBy(declared, changes.expression);
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
    gatesAt: (at_ms) => engine.gates(install_id, at_ms),
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
