import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Span } from "@oa/shared/telemetry/trace.ts";
import { fakeClock } from "../../test/fakes/runs.ts";
import type { EgressRequest } from "./egress.ts";
import { openTraceExporter } from "./trace-export.ts";

const span = (name: string): Span => ({
  ...{ traceId: "1".repeat(32), spanId: "2".repeat(16), name, kind: 1 },
  ...{ startTimeUnixNano: "0", endTimeUnixNano: "0", attributes: [], status: { code: 1 } },
});

/** An exporter to a collector that answers as it is told; null: it is away. */
function open(answer: (request: EgressRequest) => number | null) {
  const clock = fakeClock();
  const reports: unknown[] = [];
  const sent: string[][] = [];
  const egress = {
    fetch: async (request: EgressRequest) => {
      const status = answer(request);
      if (status === null) throw new Fault("egress_unreachable", "nobody answers", { retryable: true });
      const { resourceSpans } = JSON.parse(String(request.body));
      if (status < 400) sent.push(resourceSpans[0].scopeSpans[0].spans.map(({ name }: Span) => name));
      return { status, headers: {}, body: new Uint8Array(), url: request.url };
    },
  };
  const exporter = openTraceExporter({
    endpoint: "http://c.example",
    egress,
    clock,
    report: (error) => reports.push(error),
  });
  const stop = new AbortController();
  const done = exporter.run(stop.signal);
  const close = async () => {
    stop.abort();
    await done;
  };
  return { exporter, clock, reports, sent, close };
}

describe("the trace exporter", () => {
  it("sends what waits, together and in order", async () => {
    const { exporter, clock, sent, close } = open(() => 200);
    exporter.add([span("a")]);
    exporter.add([span("b"), span("c")]);
    await clock.pass(1);
    assert.deepEqual(sent, [["a", "b", "c"]]);
    await close();
  });
  it("tries again, later each time, while the collector is away, and then sends all of it once", async () => {
    let calls = 0;
    const { exporter, clock, sent, reports, close } = open(() => {
      calls += 1;
      return calls < 4 ? null : 200;
    });
    exporter.add([span("a")]);
    await clock.pass(6_900);
    assert.equal(calls, 3);
    await clock.pass(200);
    assert.deepEqual([sent, calls, reports.length], [[["a"]], 4, 3]);
    await close();
  });
  it("gives up what the collector refuses, and says so", async () => {
    const { exporter, clock, reports, close } = open(() => 400);
    exporter.add([span("a")]);
    await clock.pass(60_000);
    assert.deepEqual([reports.length, exporter.dropped()], [1, 1]);
    await close();
  });
  it("keeps a bounded number while the collector is away: the oldest go", async () => {
    const { exporter, sent, close } = open(() => null);
    for (let count = 0; count < LIMITS.traces_queued + 5; count += 1) exporter.add([span(String(count))]);
    assert.equal(exporter.dropped(), 5);
    assert.deepEqual(sent, []);
    await close();
  });
  it("sends what is left when the worker stops", async () => {
    const { exporter, sent, close } = open(() => 200);
    exporter.add([span("last")]);
    await close();
    assert.deepEqual(sent, [["last"]]);
  });
});
