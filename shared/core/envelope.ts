import type { EventEnvelope } from "../generated/types.ts";

/** What a decider returns: an event's type and data. Each slice's schema gives the union of its own. */
export interface EventDraft {
  readonly event_type: string;
  readonly data: object;
}

/** An event as it stands in the log. */
export type Recorded<Event extends EventDraft = EventDraft> = EventEnvelope & Event;

/** Who did it, when, where it is ordered and what it belongs to: given by the caller of the store, never invented. */
export interface EventContext {
  readonly now_ms: number;
  readonly workspace_id: string;
  /** Orders the event, chains its hash and feeds SSE: `room` when it is room-scoped, else `workspace`. */
  readonly stream_type: EventEnvelope["stream_type"];
  readonly stream_id: string;
  readonly actor_type: EventEnvelope["actor_type"];
  readonly actor_id: string;
  readonly correlation_id: string;
  readonly causation_id?: string;
  /** A repeat with the same key in the same stream appends nothing and returns the first time's events. */
  readonly idempotency_key?: string;
}

/** The context of what is recorded in a workspace's own stream. */
export function inWorkspace(
  workspace_id: string,
  rest: Omit<EventContext, "workspace_id" | "stream_type" | "stream_id">,
): EventContext {
  return { workspace_id, stream_type: "workspace", stream_id: workspace_id, ...rest };
}
