import { Hono } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { LIMITS } from "../../core/limits.ts";
import { isRejection, type Rejection, reject } from "../../core/refusal.ts";
import { refusedSince } from "../actor.ts";
import { answer, readCount } from "../answer.ts";
import type { ControlPorts } from "../ports.ts";

const SEQ = { min: 0, max: Number.MAX_SAFE_INTEGER };

/**
 * `/v1/events`: the workspace's events after a sequence number. As a page (`?from_seq=&limit=`, and `&wait_ms=` to
 * wait for the first), or with `Accept: text/event-stream` as a stream with `id: <seq>`, which resumes after
 * `Last-Event-ID`, else `from_seq`. Who may read no more, since their token ended or was revoked, is sent nothing more.
 */
export function eventRoutes({ events }: ControlPorts): Hono {
  const routes = new Hono();
  let streams = 0;
  routes.get("/", async (context) => {
    const from_seq = readCount(context, "from_seq", 0, SEQ);
    if (isRejection(from_seq)) return answer(context, from_seq);
    if (!(context.req.header("accept") ?? "").includes("text/event-stream")) {
      const limit = readCount(context, "limit", 100, { min: 1, max: LIMITS.api_page });
      if (isRejection(limit)) return answer(context, limit);
      const wait_ms = readCount(context, "wait_ms", 0, { min: 0, max: LIMITS.api_event_wait_ms });
      if (isRejection(wait_ms)) return answer(context, wait_ms);
      if (wait_ms > 0) await events.wait(from_seq, wait_ms, context.req.raw.signal);
      const refusal = refusedSince(context);
      if (refusal !== null) return answer(context, refusal);
      return context.json(events.page(from_seq, limit));
    }
    const start = lastEventId(context.req.header("last-event-id"), from_seq);
    if (isRejection(start)) return answer(context, start);
    if (streams >= LIMITS.api_event_streams) {
      return answer(context, reject("busy", `${LIMITS.api_event_streams} event streams are open already`));
    }
    streams += 1;
    return streamSSE(context, async (stream) => {
      const closed = new AbortController();
      stream.onAbort(() => closed.abort());
      try {
        await follow(events, stream, start, closed.signal, () => refusedSince(context) === null);
      } finally {
        streams -= 1;
      }
    });
  });
  return routes;
}

async function follow(
  events: ControlPorts["events"],
  stream: SSEStreamingApi,
  start: number,
  signal: AbortSignal,
  stillMay: () => boolean,
): Promise<void> {
  let seq = start;
  while (!signal.aborted && !stream.aborted && stillMay()) {
    const page = events.page(seq, LIMITS.api_page);
    for (const event of page.events) {
      await stream.writeSSE({ id: String(event.stream_seq), event: event.event_type, data: JSON.stringify(event) });
    }
    seq = page.next_seq;
    if (page.events.length > 0) continue;
    await events.wait(seq, LIMITS.api_event_wait_ms, signal);
    // A comment tells both ends that the other is still there.
    if (!signal.aborted) await stream.write(": \n\n");
  }
}

function lastEventId(header: string | undefined, fallback: number): number | Rejection {
  if (header === undefined) return fallback;
  const seq = /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN;
  return Number.isNaN(seq) ? reject("usage", "Last-Event-ID must be the sequence number of an event") : seq;
}
