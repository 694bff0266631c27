import { setImmediate } from "node:timers/promises";
import type { EventDraft, Recorded } from "@oa/shared/core/envelope.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { one, type Sql } from "@oa/shared/core/sql.ts";
import type { InstallEvent, RunEvent, ScheduleEvent, TriggerEvent } from "@oa/shared/generated/types.ts";
import { runDecider } from "@oa/shared/run/decider.ts";
import { runSummary } from "@oa/shared/run/views.ts";
import { counter, gauge, histogram, type Metric, metricsText, totalOf } from "../adapters/metrics.ts";
import type { ResourceMetrics } from "./resource-metrics.ts";

type Known = RunEvent | ScheduleEvent | TriggerEvent | InstallEvent;

const SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400];

/**
 * The worker in Prometheus' words. Counters follow the events recorded since the worker started, read from the log when
 * they are asked for, so that they hold what was committed and cost nothing otherwise; gauges are read from the
 * projections. No label names an install, an upgrade, a path or a key.
 */
export function openMetrics(options: {
  readonly store: EventStore;
  readonly sql: Sql;
  /** Absent: nothing is said of what the machine gives. */
  readonly resources?: ResourceMetrics;
}): () => Promise<string> {
  const { store, sql, resources } = options;
  const { metrics, count } = counted(sql, store.load);
  const all = [...metrics, ...gauges(sql), ...processMetrics(), ...(resources?.metrics ?? [])];
  let position = lastPosition(sql);
  let reading: Promise<void> | null = null;
  const catchUp = async (): Promise<void> => {
    for (let more = true; more; ) {
      more = false;
      let read = 0;
      for (const item of store.after(position)) {
        count(item.event as Recorded<EventDraft> as Recorded<Known>);
        position = item.position;
        read += 1;
        more = read >= LIMITS.metric_batch;
        if (more) break;
      }
      // A long way to catch up must not hold everything else.
      if (more) await setImmediate();
    }
  };
  return async () => {
    reading ??= catchUp().finally(() => {
      reading = null;
    });
    await Promise.all([reading, resources?.measure()]);
    return metricsText(all);
  };
}

function counted(sql: Sql, load: EventStore["load"]) {
  const runs = counter("openagents_runs_total", "Runs that ended, by outcome and by what started them.");
  const run_seconds = histogram("openagents_run_duration_seconds", "From a run's first claim to its end.", SECONDS);
  const queue_seconds = histogram("openagents_run_queue_seconds", "From a run's creation to its first claim.", SECONDS);
  const run_failures = counter("openagents_run_failures_total", "Runs that failed, by code.");
  const steps = counter("openagents_steps_total", "Attempts of steps that ended, by op and outcome.");
  const step_seconds = histogram("openagents_step_duration_seconds", "Successful attempts of steps, by op.", SECONDS);
  const step_failures = counter("openagents_step_failures_total", "Attempts of steps that failed, by code.");
  const decisions = counter("openagents_schedule_decisions_total", "Decisions about due times, by outcome.");
  const waits = counter("openagents_waits_total", "Times that something waited, by reason.");
  const missed = counter("openagents_missed_runs_total", "Due times that were missed and are not run for, by reason.");
  const caught_up = counter("openagents_caught_up_runs_total", "Runs started for due times that were missed.");
  const refused = counter("openagents_start_refusals_total", "Runs that could not be started, by code.");
  const causes = counter("openagents_trigger_causes_total", "What triggers noticed, by kind and by what became of it.");
  const fires = counter("openagents_trigger_fires_total", "Runs fired by triggers.");
  const notes = counter("openagents_completion_notes_total", "Completion notes, by outcome.");

  const ended = (event: Recorded<Known>, outcome: string): void => {
    const run = runSummary(sql, event.subject_id);
    runs.add({ outcome, reason: run?.reason ?? "unknown" });
    if (run?.started_at != null) run_seconds.observe({ outcome }, secondsBetween(run.started_at, event.occurred_at));
  };
  const opOf = (run_id: string, step_id: string): string =>
    load(runDecider, run_id).created?.steps.find((step) => step.step_id === step_id)?.op ?? "unknown";
  const decided = (outcome: string): void => decisions.add({ outcome });
  const count = (event: Recorded<Known>): void => {
    switch (event.event_type) {
      case "run.claimed": {
        const run = event.data.fence === 1 ? runSummary(sql, event.subject_id) : null;
        if (run !== null) queue_seconds.observe({}, secondsBetween(run.created_at, event.occurred_at));
        break;
      }
      case "run.completed":
        ended(event, "succeeded");
        break;
      case "run.failed":
        ended(event, "failed");
        run_failures.add({ code: event.data.code });
        break;
      case "run.canceled":
        ended(event, "canceled");
        break;
      case "step.succeeded": {
        const op = opOf(event.subject_id, event.data.step_id);
        steps.add({ op, outcome: "succeeded" });
        step_seconds.observe({ op }, event.data.duration_ms / 1_000);
        break;
      }
      case "step.failed": {
        const { code, retry_at_ms, step_id } = event.data;
        steps.add({ op: opOf(event.subject_id, step_id), outcome: retry_at_ms === null ? "failed" : "retried" });
        step_failures.add({ code });
        if (retry_at_ms !== null) waits.add({ reason: "retry" });
        break;
      }
      case "note.posted":
        notes.add({ outcome: "posted" });
        break;
      case "note.failed":
        notes.add({ outcome: event.data.retry_at_ms === null ? "failed" : "retried" });
        break;
      case "schedule.fired":
        decided(event.data.trace.outcome);
        if (event.data.reason === "catch_up") caught_up.add({});
        break;
      case "schedule.skipped": {
        const { outcome, due_times } = event.data.trace;
        decided(outcome);
        if (outcome === "missed" || outcome === "too_old") missed.add({ reason: outcome }, due_times);
        break;
      }
      case "schedule.deferred": {
        const { outcome, constraints } = event.data.trace;
        decided(outcome);
        const unmet = constraints.filter(({ met }) => met !== "yes");
        if (outcome !== "waits_for_constraints") waits.add({ reason: outcome.replace(/^waits_for_/, "") });
        else for (const { name } of unmet) waits.add({ reason: name });
        break;
      }
      case "schedule.run_refused":
      case "trigger.run_refused":
        refused.add({ code: event.data.code });
        break;
      case "trigger.noted":
        causes.add({ kind: event.data.cause?.kind ?? "unknown", became: "noted" });
        break;
      case "trigger.settled":
        if (event.data.cause !== undefined) causes.add({ kind: event.data.cause.kind, became: event.data.reason });
        break;
      case "trigger.deferred":
        waits.add({ reason: `trigger_${event.data.reason}` });
        break;
      case "trigger.fired":
        fires.add({});
        if (event.data.passed_over !== undefined) {
          causes.add({ kind: "nostr_event", became: "passed_over" }, event.data.passed_over);
        }
        break;
      default: // the rest is not counted
    }
  };
  const metrics: readonly Metric[] = [
    ...[runs, run_seconds, queue_seconds, run_failures, steps, step_seconds, step_failures, decisions, waits],
    ...[missed, caught_up, refused, causes, fires, notes],
  ];
  return { metrics, count };
}

function gauges(sql: Sql): readonly Metric[] {
  const number = (statement: string): number => one<{ value: number | null }>(sql, statement)?.value ?? 0;
  const grouped = (statement: string, label: string): (() => Iterable<readonly [Record<string, string>, number]>) => {
    return () =>
      sql.all<{ name: string; value: number }>(statement).map(({ name, value }) => [{ [label]: name }, value] as const);
  };
  const read = (statement: string) => (): Iterable<readonly [Record<string, string>, number]> => [
    [{}, number(statement)],
  ];
  return [
    gauge(
      "openagents_queue_depth",
      "Runs that wait for an engine.",
      read("SELECT count(*) AS value FROM proj_runs WHERE status = 'queued'"),
    ),
    gauge(
      "openagents_runs_active",
      "Runs that an engine has claimed and that have not ended.",
      read("SELECT count(*) AS value FROM proj_runs WHERE status = 'running'"),
    ),
    gauge(
      "openagents_notes_pending",
      "Completion notes that are still to be posted.",
      read("SELECT count(*) AS value FROM proj_runs WHERE note = 'pending'"),
    ),
    gauge(
      "openagents_installs",
      "Installs, by status.",
      grouped(
        "SELECT status AS name, count(*) AS value FROM proj_installs WHERE status <> 'removed' GROUP BY status",
        "status",
      ),
    ),
    gauge(
      "openagents_triggers_pending",
      "Installs whose triggers have noticed something that no run was started for yet.",
      read("SELECT count(*) AS value FROM proj_triggers WHERE pending > 0"),
    ),
    gauge("openagents_schedule_next_start_timestamp_seconds", "When the next scheduled run starts.", () => {
      const next_ms = number("SELECT min(next_fire_ms) AS value FROM proj_schedules WHERE next_fire_ms IS NOT NULL");
      return next_ms === 0 ? [] : [[{}, next_ms / 1_000]];
    }),
    totalOf("openagents_events_total", "Events in the log, since it began.", () => lastPosition(sql)),
  ];
}

function processMetrics(): readonly Metric[] {
  const started_s = Math.round(performance.timeOrigin / 1_000);
  return [
    totalOf("process_cpu_seconds_total", "CPU time of the worker's own process, user and system.", () => {
      const { system, user } = process.cpuUsage();
      return (system + user) / 1_000_000;
    }),
    gauge("process_resident_memory_bytes", "Memory of the worker's own process.", () => [
      [{}, process.memoryUsage.rss()],
    ]),
    gauge("process_start_time_seconds", "When the worker's process started.", () => [[{}, started_s]]),
  ];
}

function lastPosition(sql: Sql): number {
  return one<{ value: number | null }>(sql, "SELECT max(position) AS value FROM evt_events")?.value ?? 0;
}

function secondsBetween(from: string, until: string): number {
  return Math.max(0, (Date.parse(until) - Date.parse(from)) / 1_000);
}
