import type { EventContext, EventDraft, Recorded } from "@oa/shared/core/envelope.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { scheduleOf } from "@oa/shared/install/state.ts";
import { toCronSchedule } from "@oa/shared/schedule/timing.ts";
import { scheduleTask } from "./schedule.ts";

/**
 * The store, with every install's schedule kept in step with the install: whoever enables, updates, disables or removes
 * one, its schedule is set or cleared in the same transaction.
 */
export function withSchedules(
  inner: EventStore,
  options: {
    readonly sql: Sql;
    readonly worker: string;
    /** For schedules that name no time zone. */
    readonly time_zone: string;
    /** Called after a schedule may have changed, or a run that a start waits for may have ended. */
    readonly changed: () => void;
  },
): EventStore {
  const follow = (context: EventContext, install_id: string): void => {
    const install = inner.load(installDecider, install_id);
    const { status } = install;
    const schedule = status === "enabled" ? scheduleOf(install) : null;
    const cron = schedule === null ? null : toCronSchedule(schedule, options.time_zone);
    const command =
      cron === null
        ? ({ type: "clear", reason: `the install is ${status === "enabled" ? "not on a schedule" : status}` } as const)
        : ({ type: "set", now_ms: context.now_ms, install_id, worker_id: options.worker, schedule: cron } as const);
    const { idempotency_key: _, ...own } = context;
    const done = inner.handle(own, [scheduleTask(install_id, command)]);
    // The manifest's schedule and the owner's were checked before; a refusal here must not leave an install without its schedule.
    if (isRejection(done))
      throw new Fault(done.code, done.message, done.details === undefined ? {} : { details: done.details });
  };
  return {
    ...inner,
    handle: (context, tasks) =>
      options.sql.transaction(() => {
        const result = inner.handle(context, tasks);
        if (isRejection(result)) return result;
        const installs = new Set(result.filter(changesInstall).map(({ subject_id }) => subject_id));
        for (const install_id of installs) follow(context, install_id);
        if (installs.size > 0 || result.some(endsRun)) setImmediate(options.changed);
        return result;
      }),
  };
}

const CHANGES = new Set([
  "install.approved",
  "install.enabled",
  "install.disabled",
  "install.yanked",
  "install.removed",
  "install.schedule_set",
  "install.promoted",
  "install.rolled_back",
  "install.revocations_set",
]);

function changesInstall(event: Recorded<EventDraft>): boolean {
  return CHANGES.has(event.event_type);
}

const ENDS = new Set(["run.completed", "run.failed", "run.canceled"]);

function endsRun(event: Recorded<EventDraft>): boolean {
  return ENDS.has(event.event_type);
}
