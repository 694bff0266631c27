import type { Context } from "hono";
import type { Rejection } from "../core/refusal.ts";
import type { CapabilityScope, EventEnvelope } from "../generated/types.ts";

/** Who asks the control API for something: the actor of the events that come of it. */
export interface Actor {
  readonly actor_type: EventEnvelope["actor_type"];
  readonly actor_id: string;
  /** What a capability token leaves them; null: they are not held to any. */
  readonly scope: CapabilityScope | null;
}

/** Whoever has the admin token, or is in the worker's own process. */
export const OWNER: Actor = { actor_type: "user", actor_id: "owner", scope: null };

const ACTOR = "actor";
const REFUSED_SINCE = "refused_since";

/**
 * Says who asks; the check in front of the API does, for each request that it lets through. `refusedSince`: what it has
 * against the same request by now.
 */
export function setActor(context: Context, actor: Actor, refusedSince: () => Rejection | null = () => null): void {
  context.set(ACTOR, actor);
  context.set(REFUSED_SINCE, refusedSince);
}

/** Why a request that was let through would not be any more, for answers that go on; null: it would be. */
export function refusedSince(context: Context): Rejection | null {
  return (context.get(REFUSED_SINCE) as (() => Rejection | null) | undefined)?.() ?? null;
}

/** Who it is, in a sentence. */
export function whoIs({ actor_id, scope }: Actor): string {
  return scope === null ? "the owner" : actor_id;
}

/** Who asks; the owner where nothing stands in front of the API. */
export function actorOf(context: Context): Actor {
  return (context.get(ACTOR) as Actor | undefined) ?? OWNER;
}
