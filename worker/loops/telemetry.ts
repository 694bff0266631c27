import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { Recorded } from "@oa/shared/core/envelope.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { RunEvent } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { apart } from "@oa/shared/run/boundary.ts";
import { spansOf, type TelemetryLevel, telemetryLevel } from "@oa/shared/telemetry/trace.ts";
import type { Log } from "../adapters/log.ts";
import type { TraceExporter } from "../adapters/trace-export.ts";

const ENDS: ReadonlySet<string> = new Set(["run.completed", "run.failed", "run.canceled"]);
/** What an owner who reads the log wants to see by default; the rest is there at level debug. */
const TOLD =
  /^(?:run\.(?:created|completed|failed|canceled|cancel_requested)|step\.failed|install\.|pairing\.|retention\.)/;

/**
 * Follows what is committed: a line in the log for each event, by name alone, and a trace for each run that ends, as far
 * as its upgrade and its owner allow. Reads only; a failure here is reported and never reaches a run.
 */
export async function followEvents(
  options: {
    readonly store: EventStore;
    readonly events: ControlPorts["events"];
    /** Where to begin: events after it. */
    readonly from_seq: number;
    readonly log: Log;
    /** Null: no traces are made. */
    readonly traces: Pick<TraceExporter, "add"> | null;
  },
  signal: AbortSignal,
): Promise<void> {
  const { store, events, log, traces } = options;
  let seq = options.from_seq;
  const tell = (event: Recorded): void => {
    const { event_type, subject_id, stream_seq } = event;
    const { code } = event.data as { readonly code?: unknown };
    const fields = { subject_id, seq: stream_seq, ...(typeof code === "string" ? { code } : {}) };
    log.write(TOLD.test(event_type) ? "info" : "debug", event_type, fields);
    if (traces !== null && ENDS.has(event_type))
      traces.add(spansOf(apart(runEvents(store, subject_id)), levelOf(store, subject_id)));
  };
  for (let last = false; ; last = signal.aborted) {
    try {
      const page = events.page(seq, LIMITS.telemetry_page);
      for (const event of page.events) tell(event);
      seq = page.next_seq;
      // What was committed while everything stopped is told too.
      if (page.events.length === 0 && last) return;
      if (page.events.length === 0) await events.wait(seq, LIMITS.telemetry_wait_ms, signal);
    } catch (error) {
      log.error(error);
      if (last) return;
      await events.wait(Number.MAX_SAFE_INTEGER, LIMITS.telemetry_wait_ms, signal);
    }
  }
}

function runEvents(store: EventStore, run_id: string): readonly Recorded<RunEvent>[] {
  return store.bySubject(run_id) as readonly Recorded<RunEvent>[]; // a run's subject has run events only
}

/** What the run's upgrade allows; nothing where it does not say. */
function levelOf(store: EventStore, run_id: string): TelemetryLevel {
  const [created] = runEvents(store, run_id);
  const install_id = created?.event_type === "run.created" ? created.data.install_id : null;
  if (install_id === null) return telemetryLevel(null);
  return telemetryLevel(store.load(installDecider, install_id).active?.manifest ?? null);
}
