import { type Rejection, reject } from "../core/refusal.ts";
import type { InstallEvent } from "../generated/types.ts";
import type { InstallCommand } from "./commands.ts";
import { nameOf } from "./release.ts";
import type { InstallState } from "./state.ts";

type Decided = readonly InstallEvent[] | Rejection;
type Of<Type extends InstallCommand["type"]> = Extract<InstallCommand, { type: Type }>;

/** A moderator hides it: it stops, where the owner chose so, and what the owner overrode stays overridden. */
export function decideTakedown(state: InstallState, command: Of<"take_down">): Decided {
  const { active, pending, takedown, status } = state;
  if (active === null && pending === null) return [];
  if (takedown?.decision_event_id === command.decision_event_id) return [];
  const { type: _, stops, ...decision } = command;
  // Stopped by an earlier decision: this one took its place.
  const stopped = stops && (status === "enabled" || (status === "disabled" && takedown?.stopped === true));
  const data = { ...decision, stopped, blocks: stops };
  const taken: InstallEvent = { event_type: "install.taken_down", data };
  const reason = `a moderator you trust decided: it ${decision.why}`.slice(0, 500);
  return status === "enabled" && stops ? [taken, { event_type: "install.disabled", data: { reason } }] : [taken];
}

/** The decision no longer holds: what it stopped runs again, unless its owner changed that since. */
export function decideLift(state: InstallState, { type: _, ...data }: Of<"lift_takedown">): Decided {
  if (state.takedown?.decision_event_id !== data.decision_event_id) return [];
  return [{ event_type: "install.takedown_lifted", data }, ...resumed(state)];
}

/** Refusal: not_found, where no decision stands against it. */
export function decideOverride(state: InstallState, { reason }: Of<"override_takedown">): Decided {
  const { takedown } = state;
  if (takedown === null) return reject("not_found", "no moderator you trust has taken it down");
  if (takedown.overridden) return [];
  const { decision_event_id } = takedown;
  return [{ event_type: "install.takedown_overridden", data: { decision_event_id, reason } }, ...resumed(state)];
}

/**
 * Why it may not be enabled or started now; null: no moderator's decision keeps it. Refusals: listing_taken_down,
 * listing_held.
 */
export function refuseTakenDown({ takedown }: Pick<InstallState, "takedown">): Rejection | null {
  if (takedown === null || takedown.overridden || !takedown.blocks) return null;
  const code = takedown.action === "hold" ? "listing_held" : "listing_taken_down";
  return reject(
    code,
    `a moderator you trust decided that it ${takedown.why}; to run it all the same: oa installs override`,
  );
}

function resumed({ active, takedown, status }: InstallState): readonly InstallEvent[] {
  if (active === null || takedown?.stopped !== true || takedown.overridden || status !== "disabled") return [];
  return [{ event_type: "install.enabled", data: { release: nameOf(active) } }];
}
