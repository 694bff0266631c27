import type { EventStore, Task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Rejection } from "@oa/shared/core/refusal.ts";
import type { IntakeRefused } from "@oa/shared/generated/types.ts";
import type { Clock } from "../adapters/clock.ts";

export type IntakeSource = IntakeRefused["data"]["source"];

/** Keeps what the worker did not take, so that its owner can see it, at a bounded rate. */
export interface Intake {
  /** Records a refusal, once for each `ref`. A flood is counted, and the count goes with the next record. Never throws. */
  readonly refuse: (source: IntakeSource, refusal: Pick<Rejection, "code" | "message">, ref?: string) => Promise<void>;
  /** Whether this minute has room for one more record of bad input, which is then taken. */
  readonly admit: () => boolean;
  /** Records a count that no later refusal took along. Called now and then. */
  readonly flush: () => Promise<void>;
}

const MINUTE_MS = 60_000;

export function openIntake(options: {
  readonly store: EventStore;
  readonly commit: <T>(body: () => T) => Promise<T>;
  readonly clock: Clock;
  readonly workspace_id: string;
  readonly worker: string;
  readonly report: (error: unknown) => void;
}): Intake {
  const { store, clock, workspace_id } = options;
  let window = { start_ms: Number.NEGATIVE_INFINITY, recorded: 0 };
  let suppressed = 0;

  const record = async (data: Omit<IntakeRefused["data"], "suppressed">): Promise<void> => {
    const now_ms = clock.now_ms();
    const count = suppressed;
    suppressed = 0;
    window.recorded += 1;
    const draft = { event_type: "intake.refused", data: { ...data, suppressed: count } };
    const refused: Task = { subject_id: "intake", run: () => [draft] };
    const context = {
      ...({ now_ms, workspace_id, stream_type: "workspace", stream_id: workspace_id } as const),
      ...({ actor_type: "service", actor_id: options.worker, correlation_id: "intake" } as const),
      ...(data.ref === undefined ? {} : { idempotency_key: `intake/${data.source}/${data.ref}`.slice(0, 200) }),
    };
    try {
      await options.commit(() => store.handle(context, [refused]));
    } catch (error) {
      suppressed += count + 1;
      options.report(error);
    }
  };
  const isFull = (): boolean => {
    const now_ms = clock.now_ms();
    if (Math.abs(now_ms - window.start_ms) >= MINUTE_MS) window = { start_ms: now_ms, recorded: 0 };
    return window.recorded >= LIMITS.intake_events_per_minute;
  };

  return {
    admit: () => {
      if (isFull()) return false;
      window.recorded += 1;
      return true;
    },
    refuse: async (source, { code, message }, ref) => {
      if (isFull()) {
        suppressed += 1;
        return;
      }
      const named = ref === undefined ? {} : { ref: ref.slice(0, 500) };
      await record({ source, code, message: message.slice(0, 2_000), ...named });
    },
    flush: async () => {
      if (suppressed === 0 || isFull()) return;
      const message = "more was refused than is recorded one by one";
      await record({ source: "relay", code: "rate_limited", message });
    },
  };
}
