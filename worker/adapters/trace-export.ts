import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { type Span, traceExport } from "@oa/shared/telemetry/trace.ts";
import type { Clock } from "./clock.ts";
import type { Egress } from "./egress.ts";

/** Sends traces to the one collector its owner set (OTLP over HTTP, JSON). A collector that is away loses traces, no more. */
export interface TraceExporter {
  /** Queues a trace; the oldest makes room where `LIMITS.traces_queued` wait. Never throws. */
  readonly add: (spans: readonly Span[]) => void;
  /** Sends what waits until the signal aborts, then what is left, briefly. Never throws. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** How many traces were given up. */
  readonly dropped: () => number;
}

export function openTraceExporter(options: {
  /** Without the path `/v1/traces`. */
  readonly endpoint: string;
  readonly egress: Pick<Egress, "fetch">;
  readonly clock: Clock;
  readonly report: (error: unknown) => void;
}): TraceExporter {
  const { endpoint, egress, clock, report } = options;
  let queue: (readonly Span[])[] = [];
  let dropped = 0;
  let wake = (): void => {};

  const send = async (traces: readonly (readonly Span[])[], timeout_ms: number, signal: AbortSignal): Promise<void> => {
    const { status } = await egress.fetch({
      url: `${endpoint}/v1/traces`,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(traceExport(traces.flat())),
      ...{ timeout_ms, max_bytes: 100_000, signal },
    });
    // What a collector cannot take it will not take later either (OTLP/HTTP: only these may be tried again).
    const again = status === 429 || status === 502 || status === 503 || status === 504;
    if (again) throw new Fault("unreachable", `the trace collector answered ${status}`, { retryable: true });
    if (status >= 400) {
      dropped += traces.length;
      report(new Fault("unreachable", `the trace collector refused ${traces.length} traces with ${status}`));
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    let wait_ms: number = LIMITS.traces_backoff_ms;
    while (!signal.aborted) {
      const batch = queue.slice(0, LIMITS.traces_batch);
      if (batch.length === 0) {
        const added = new AbortController();
        wake = () => added.abort();
        await clock.sleep(LIMITS.telemetry_wait_ms, AbortSignal.any([signal, added.signal]));
        continue;
      }
      try {
        await send(batch, LIMITS.traces_timeout_ms, signal);
        queue = queue.filter((trace) => !batch.includes(trace));
        wait_ms = LIMITS.traces_backoff_ms;
      } catch (error) {
        if (signal.aborted) break;
        report(error);
        await clock.sleep(wait_ms, signal);
        wait_ms = Math.min(wait_ms * 2, LIMITS.traces_backoff_ms_max);
      }
    }
    if (queue.length === 0) return;
    try {
      const last = AbortSignal.timeout(LIMITS.traces_close_ms);
      await send(queue.slice(0, LIMITS.traces_batch), LIMITS.traces_close_ms, last);
    } catch (error) {
      report(error);
    }
  };

  return {
    add: (spans) => {
      if (spans.length === 0) return;
      if (queue.length >= LIMITS.traces_queued) {
        queue.shift();
        dropped += 1;
      }
      queue.push(spans);
      wake();
    },
    run,
    dropped: () => dropped,
  };
}
