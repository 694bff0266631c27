import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";

/** A store that wakes whoever waits for events, and the control API's view of one stream of it. */
export interface EventFeed {
  readonly store: EventStore;
  readonly events: ControlPorts["events"];
  /** The sequence number of the stream's last event, 0 where there is none. */
  readonly head: () => number;
}

export function openEventFeed(inner: EventStore, stream: string): EventFeed {
  const waiting = new Set<() => void>();
  const store: EventStore = {
    ...inner,
    handle: (context, tasks) => {
      const result = inner.handle(context, tasks);
      // After the commit that this may be part of; whoever wakes for nothing looks again and waits on.
      if (!isRejection(result) && result.length > 0) setImmediate(() => setImmediate(wakeAll));
      return result;
    },
  };
  const wakeAll = (): void => {
    for (const wake of [...waiting]) wake();
  };
  const head = (): number => inner.heads().find((known) => known.stream === stream)?.seq ?? 0;
  return {
    store,
    head,
    events: {
      page: (from_seq, limit) => {
        const events = inner.byStream(stream, from_seq, limit);
        return { events, next_seq: events.at(-1)?.stream_seq ?? from_seq };
      },
      wait: (seq, timeout_ms, signal) =>
        new Promise((resolve) => {
          if (signal.aborted || head() > seq) {
            resolve();
            return;
          }
          const done = (): void => {
            clearTimeout(timer);
            waiting.delete(wake);
            signal.removeEventListener("abort", done);
            resolve();
          };
          const wake = (): void => {
            if (head() > seq) done();
          };
          const timer = setTimeout(done, timeout_ms);
          waiting.add(wake);
          signal.addEventListener("abort", done, { once: true });
        }),
    },
  };
}
