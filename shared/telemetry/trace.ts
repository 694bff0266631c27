import type { Recorded } from "../core/envelope.ts";
import { sha256Hex } from "../core/hash.ts";
import { LIMITS } from "../core/limits.ts";
import type { RunEvent, UpgradeManifest } from "../generated/types.ts";

/** An upgrade's `telemetry_level`: nothing; names and outcomes; sizes and durations too. */
export type TelemetryLevel = "none" | "basic" | "full";

type Value = { readonly stringValue: string } | { readonly intValue: string } | { readonly boolValue: boolean };

/** A span as OTLP's JSON form has it (opentelemetry-proto 1.x: ids in hex, 64-bit numbers as text). */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1: internal. */
  readonly kind: 1;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
  /** 1: succeeded, 2: failed. */
  readonly status: { readonly code: 1 | 2; readonly message?: string };
}

/** The body of one OTLP request. */
export interface TraceExport {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span["attributes"] };
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly Span[] }[];
  }[];
}

/** What an upgrade allows; nothing where it says nothing, or a word that is not known. */
export function telemetryLevel(manifest: UpgradeManifest | null): TelemetryLevel {
  const word = manifest?.policy?.telemetry_level;
  return word === "basic" || word === "full" ? word : "none";
}

/**
 * A finished run as spans: one for the run, one for each attempt at a step. Ids come from the run's own, so that a
 * trace that is sent twice is the same trace. What a step was given or gave never enters. Below `full` every span
 * begins and ends when the run ended: durations are figures too. Empty for `none` and for a run that has not ended.
 */
export function spansOf(events: readonly Recorded<RunEvent>[], level: TelemetryLevel): readonly Span[] {
  const [first] = events;
  const end = events.find((event) => outcomeOf(event) !== null);
  const outcome = end === undefined ? null : outcomeOf(end);
  if (level === "none" || first?.event_type !== "run.created" || end === undefined || outcome === null) return [];
  const full = level === "full";
  const run_id = first.subject_id;
  const traceId = idOf(run_id, 32);
  const root = idOf(`${run_id}/run`, 16);
  const at = (time: string): string => nanos(full ? time : end.occurred_at);
  const { upgrade_id, upgrade_version, reason, steps } = first.data;
  const whole: Span = {
    ...{ traceId, spanId: root, name: upgrade_id, kind: 1 },
    ...{ startTimeUnixNano: at(first.occurred_at), endTimeUnixNano: at(end.occurred_at) },
    attributes: [
      text("openagents.run_id", run_id),
      text("openagents.upgrade_version", upgrade_version),
      text("openagents.reason", reason),
      ...(full ? [number("openagents.steps", steps.length)] : []),
      ...(full ? [number("openagents.artifact_bytes", artifactBytes(events))] : []),
    ],
    status: outcome,
  };
  return [whole, ...attempts(events, full).map((attempt) => spanOf(attempt, { traceId, root, run_id, at, full }))];
}

interface AttemptSpan {
  readonly step_id: string;
  readonly op: string;
  readonly attempt: number;
  readonly started_at: string;
  readonly ended_at: string;
  readonly status: Span["status"];
  readonly bytes: number;
}

/** Each attempt that began, in order; one that nobody saw end, ends with the run. */
function attempts(events: readonly Recorded<RunEvent>[], full: boolean): readonly AttemptSpan[] {
  const spans: AttemptSpan[] = [];
  for (const event of events) {
    if (event.event_type === "step.started" && spans.length < LIMITS.trace_spans) {
      const { step_id, op, attempt } = event.data;
      const ended_at = events.at(-1)?.occurred_at ?? event.occurred_at;
      const status = { code: 2, message: "interrupted" } as const;
      spans.push({ step_id, op, attempt, started_at: event.occurred_at, ended_at, status, bytes: 0 });
    } else if (event.event_type === "step.succeeded" || event.event_type === "step.failed") {
      const index = spans.findLastIndex(({ step_id }) => step_id === event.data.step_id);
      const span = spans[index];
      if (span === undefined) continue;
      const failed = event.event_type === "step.failed";
      const status = failed ? ({ code: 2, message: event.data.code } as const) : ({ code: 1 } as const);
      const bytes = full && !failed ? JSON.stringify(event.data.result ?? null).length : 0;
      spans[index] = { ...span, ended_at: event.occurred_at, status, bytes };
    }
  }
  return spans;
}

function spanOf(
  { step_id, op, attempt, started_at, ended_at, status, bytes }: AttemptSpan,
  run: {
    readonly traceId: string;
    readonly root: string;
    readonly run_id: string;
    readonly at: (time: string) => string;
    readonly full: boolean;
  },
): Span {
  return {
    traceId: run.traceId,
    spanId: idOf(`${run.run_id}/${step_id}/${attempt}/${started_at}`, 16),
    parentSpanId: run.root,
    ...{ name: op, kind: 1, startTimeUnixNano: run.at(started_at), endTimeUnixNano: run.at(ended_at) },
    attributes: [
      text("openagents.step_id", step_id),
      number("openagents.attempt", attempt),
      ...(run.full ? [number("openagents.result_chars", bytes)] : []),
    ],
    status,
  };
}

function outcomeOf(event: RunEvent): Span["status"] | null {
  switch (event.event_type) {
    case "run.completed":
      return { code: 1 };
    case "run.failed":
      return { code: 2, message: event.data.code };
    case "run.canceled":
      return { code: 2, message: "canceled" };
    default:
      return null;
  }
}

function artifactBytes(events: readonly RunEvent[]): number {
  return events.reduce(
    (total, event) => total + (event.event_type === "artifact.created" ? event.data.artifact.bytes : 0),
    0,
  );
}

/** What a collector is sent: spans under the worker's name and nothing that names its machine or owner. */
export function traceExport(spans: readonly Span[]): TraceExport {
  const attributes = [text("service.name", "openagents-worker")];
  return {
    resourceSpans: [{ resource: { attributes }, scopeSpans: [{ scope: { name: "openagents.upgrade" }, spans }] }],
  };
}

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
const number = (key: string, value: number) => ({ key, value: { intValue: String(value) } });

function idOf(name: string, digits: 16 | 32): string {
  return sha256Hex(`trace:${name}`).slice(0, digits);
}

function nanos(time: string): string {
  return `${Date.parse(time)}000000`;
}
