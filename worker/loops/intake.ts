import { MINUTE_MS } from "@oa/shared/core/durations.ts";
import { inWorkspace } from "@oa/shared/core/envelope.ts";
import type { EventStore, Task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { clip } from "@oa/shared/core/text.ts";
import type { IntakeRefused } from "@oa/shared/generated/types.ts";
import type { Clock } from "../adapters/clock.ts";

export type IntakeSource = IntakeRefused["data"]["source"];

/** Keeps what the worker did not take, so that its owner can see it, at a bounded rate. */
export interface Intake {
  /** Records a refusal, once for each `ref`. A flood is counted, and the count goes with the next record. Never throws. */
  readonly refuse: (source: IntakeSource, refusal: Pick<Rejection, "code" | "message">, ref?: string) => Promise<void>;
  /** Records a count that no later refusal took along. Called now and then. */
  readonly flush: () => Promise<void>;
}

/** Says yes at most `most` times a minute. */
export function perMinute(clock: Clock, most: number): () => boolean {
  let start_ms = Number.NEGATIVE_INFINITY;
  let taken = 0;
  return () => {
    const now_ms = clock.now_ms();
    if (Math.abs(now_ms - start_ms) >= MINUTE_MS) {
      start_ms = now_ms;
      taken = 0;
    }
    taken += 1;
    return taken <= most;
  };
}

export function openIntake(options: {
  readonly store: EventStore;
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly clock: Clock;
  readonly workspace_id: string;
  readonly worker: string;
  readonly report: (error: unknown) => void;
}): Intake {
  const { store, clock, workspace_id } = options;
  const admit = perMinute(clock, LIMITS.intake_events_per_minute);
  let suppressed = 0;

  const record = async (data: Omit<IntakeRefused["data"], "suppressed">): Promise<void> => {
    const now_ms = clock.now_ms();
    const count = suppressed;
    suppressed = 0;
    const draft = { event_type: "intake.refused", data: { ...data, suppressed: count } };
    const refused: Task = { subject_id: "intake", run: () => [draft] };
    const context = inWorkspace(workspace_id, {
      ...{ now_ms, actor_type: "service", actor_id: options.worker, correlation_id: "intake" },
      ...(data.ref === undefined ? {} : { idempotency_key: `intake/${data.source}/${data.ref}`.slice(0, 200) }),
    });
    try {
      const [event] = await options.commit(() => {
        const events = store.handle(context, [refused]);
        return isRejection(events) ? [] : events;
      });
      // It was recorded before: what was to go along with it still has to be told.
      if (event?.occurred_at !== new Date(now_ms).toISOString()) suppressed += count;
    } catch (error) {
      suppressed += count + 1;
      options.report(error);
    }
  };
  return {
    refuse: async (source, { code, message }, ref) => {
      if (!admit()) {
        suppressed += 1;
        return;
      }
      const named = ref === undefined ? {} : { ref: clip(ref, 500) };
      await record({ source, code, message: clip(message, 2_000), ...named });
    },
    flush: async () => {
      if (suppressed === 0 || !admit()) return;
      const message = "more was refused than is recorded one by one";
      await record({ source: "relay", code: "rate_limited", message });
    },
  };
}
