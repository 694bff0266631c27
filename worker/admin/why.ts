import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { whyAnswer } from "@oa/shared/api/why.ts";
import { reject } from "@oa/shared/core/refusal.ts";
import type { ToldRun } from "@oa/shared/core/run-words.ts";
import { ownSchedule } from "@oa/shared/core/schedule-changes.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { TriggerEvent } from "@oa/shared/generated/types.ts";
import { refuseTakenDown } from "@oa/shared/install/takedown.ts";
import { getInstall } from "@oa/shared/install/views.ts";
import { conductSubject } from "@oa/shared/policy/decider.ts";
import { getQuarantine } from "@oa/shared/policy/views.ts";
import { listRuns, type RunSummary, runSummary } from "@oa/shared/run/views.ts";
import { evaluateConstraints, sensorsFor } from "@oa/shared/schedule/constraints.ts";
import { changesAfter, dueTimeEntries, standingAt } from "@oa/shared/schedule/log.ts";
import { getSchedule } from "@oa/shared/schedule/views.ts";
import { explain } from "@oa/shared/schedule/why.ts";
import { causeEntries, settledEntry, type TriggerLogEntry, watchEntries } from "@oa/shared/trigger/log.ts";
import { explainTriggers, type TriggerWhy } from "@oa/shared/trigger/why.ts";
import type { MachineState } from "../adapters/machine-state/port.ts";

export interface WhyOptions {
  readonly sql: Sql;
  readonly feed: { readonly events: Pick<ControlPorts["events"], "page"> };
  readonly now_ms: () => number;
  readonly measure: MachineState["measure"];
  /** Whether the worker decides now about what is due; a command that only reads its records does not. */
  readonly deciding: () => boolean;
  /** Of this worker, for installs that are on no schedule. */
  readonly time_zone: string;
}

/** Why an install did or did not run: reads what schedule, triggers and owner did, and has it told. */
export function whyPort(options: WhyOptions): ControlPorts["schedule"]["why"] {
  const { sql, measure, time_zone } = options;
  return async (install_id, at_ms, signal) => {
    const install = getInstall(sql, install_id);
    if (install === null) return reject("not_found", `there is no install ${install_id}`);
    const schedule = getSchedule(sql, install_id);
    const entries = dueTimeEntries(sql, install_id, at_ms);
    const started = entries.findLast((entry) => entry.kind === "run_started");
    const decision = entries.findLast((entry) => "trace" in entry);
    const { constraints, on_unknown = "wait" } = schedule?.schedule ?? {};
    const sensors = schedule?.waiting_for === "constraints" ? sensorsFor(constraints) : [];
    const readings = sensors.length === 0 ? {} : await measure(sensors, signal);
    const now_ms = options.now_ms();
    const pins = install.active ?? install.pending;
    const own = pins === null ? null : ownSchedule(pins.schedule, install.schedule_changes);
    const zone = schedule?.schedule.timezone ?? own?.timezone ?? time_zone;
    const told = explain({
      ...{ install_id, at_ms, now_ms, time_zone: zone, schedule, entries },
      title: pins?.title ?? install_id,
      status: install.status,
      deciding: options.deciding(),
      changes: decision === undefined ? [] : changesAfter(sql, install_id, decision.trace.due_ms),
      standing: standingAt(sql, install_id, at_ms ?? now_ms),
      run: started?.kind === "run_started" ? runOf(sql, started.run_id) : null,
      measured: sensors.length === 0 ? [] : evaluateConstraints(constraints, readings, on_unknown).constraints,
    });
    const until = new Date(at_ms ?? now_ms).toISOString();
    const [manual = null] = listRuns(sql, { install_id, limit: 1, reason: "manual", created_until: until });
    return whyAnswer({
      schedule: told,
      triggers: triggerStory(options, install_id, at_ms, now_ms, zone),
      manual: manual && { ...runFacts(manual), created_at: manual.created_at },
      declared: pins?.schedule ?? null,
      schedule_changes: install.schedule_changes,
      quarantine: getQuarantine(sql, conductSubject(install_id)),
      taken_down: at_ms === null ? (refuseTakenDown(install)?.message ?? null) : null,
      at_ms: at_ms ?? now_ms,
      time_zone: zone,
    });
  };
}

function triggerStory(
  { sql, feed }: WhyOptions,
  install_id: string,
  at_ms: number | null,
  now_ms: number,
  time_zone: string,
): TriggerWhy | null {
  const until_ms = at_ms ?? now_ms;
  const watching = watchEntries(sql, install_id, until_ms);
  const cycle = causeEntries(sql, install_id, until_ms);
  const settled = settledEntry(sql, install_id, until_ms);
  const started = cycle.findLast((entry) => entry.kind === "run_started");
  const shown = [cycle.find(({ kind }) => kind === "noted"), settled].filter((entry) => entry != null);
  return explainTriggers({
    ...{ at_ms, now_ms, time_zone, watching, cycle, settled },
    causes: new Map(shown.flatMap((entry) => causeOf(feed, entry))),
    run: started?.kind === "run_started" ? runOf(sql, started.run_id) : null,
  });
}

/** From the log itself, where it can be deleted. */
function causeOf({ events }: WhyOptions["feed"], { seq }: TriggerLogEntry) {
  const [event] = events.page(seq - 1, 1).events as unknown as readonly TriggerEvent[]; // written by the triggers
  const cause =
    event?.event_type === "trigger.noted" || event?.event_type === "trigger.settled" ? event.data.cause : null;
  return cause == null ? [] : [[seq, cause] as const];
}

function runOf(sql: Sql, run_id: string) {
  const run = runSummary(sql, run_id);
  return run === null ? null : runFacts(run);
}

function runFacts({ run_id, status, message, paused_by, paused_reason }: RunSummary): ToldRun {
  return { run_id, status, message, paused_by, paused_reason };
}
