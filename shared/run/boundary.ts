import type { Recorded } from "../core/envelope.ts";
import type { RunEvent, RunStepStarted, RunStepSucceeded } from "../generated/types.ts";

/**
 * Between two steps there is one event: a success that the next start follows is recorded together with it, so that the
 * log grows by one link a step. Everything else a step goes through is an event of its own.
 */
export function joined(events: readonly RunEvent[]): readonly RunEvent[] {
  const whole: RunEvent[] = [];
  for (const event of events) {
    const before = whole.at(-1);
    if (event.event_type !== "step.started" || before?.event_type !== "step.succeeded") whole.push(event);
    else {
      const { params, ...next } = event.data;
      whole[whole.length - 1] = { ...before, data: { ...before.data, next, ...(params && { next_params: params }) } };
    }
  }
  return whole;
}

/** The start that a success brings with it, as the event it would be alone; null: none. */
export function startWithin({ data: { next, next_params } }: RunStepSucceeded): RunStepStarted | null {
  if (next === undefined) return null;
  return { event_type: "step.started", data: { ...next, ...(next_params && { params: next_params }) } };
}

/** The events of a run with each start as one of its own, after the success that brought it. */
export function apart(events: readonly Recorded<RunEvent>[]): readonly Recorded<RunEvent>[] {
  return events.flatMap((event): readonly Recorded<RunEvent>[] => {
    const start = event.event_type === "step.succeeded" ? startWithin(event) : null;
    return start === null ? [event] : [event, { ...event, ...start }];
  });
}
