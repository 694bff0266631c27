import { isOlder } from "../core/semver.ts";
import type { GrantedRelease, StateRef } from "./release.ts";

/** What of the releases of an install says where they keep their states. */
interface Known {
  readonly active: GrantedRelease | null;
  readonly candidate: GrantedRelease | null;
  readonly earlier: readonly GrantedRelease[];
  readonly set_aside: readonly { readonly release_event_id: string }[];
  readonly yanked: readonly string[];
  /** How many were ever given. */
  readonly states: number;
}

/**
 * Where a release that is agreed to keeps its state from now on. The one that runs already, and one that is gone back
 * to, go on with their own. A new one, and one that was rolled back and is agreed to again, begin anew: with a copy of
 * that of the last release that is not newer than it, for what a newer one wrote an older one may not understand.
 */
export function stateFor(
  known: Known,
  release: GrantedRelease,
): { readonly states: number; readonly state: StateRef | null } {
  const { active, candidate, earlier, set_aside, states } = known;
  const { release_event_id, upgrade_version } = release.pins;
  const isAside = (id: string): boolean => set_aside.some((one) => one.release_event_id === id);
  const before = [...(active === null ? [] : [active]), ...earlier];
  const own = [...before, ...(candidate === null ? [] : [candidate])].find(
    ({ pins }) => pins.release_event_id === release_event_id,
  );
  if (own !== undefined && !isAside(release_event_id)) return { states, state: own.state };
  const source = before.find(
    ({ pins }) => !isAside(pins.release_event_id) && !isOlder(upgrade_version, pins.upgrade_version),
  );
  const id = states + 1;
  return { states: id, state: { id, from: source?.state?.id ?? null } };
}

/** The states of an install's releases that are kept: of those that run, are on trial, or can be gone back to. */
export function keptStates({ active, candidate, earlier, yanked }: Known): readonly GrantedRelease[] {
  const back = earlier.filter(({ pins }) => !yanked.includes(pins.release_event_id));
  return [active, candidate, ...back].flatMap((one) => (one === null || one.state === null ? [] : [one]));
}

/**
 * The state of a release, and before it those that it begins as a copy of where the nearer ones were never made: its
 * own id first. Null for a release that is not known here, or no longer.
 */
export function stateChain(known: Known, release_event_id: string): readonly number[] | null {
  const { active, candidate, earlier } = known;
  const all = [active, candidate, ...earlier].flatMap((one) => (one === null ? [] : [one]));
  const first = all.find(({ pins }) => pins.release_event_id === release_event_id)?.state ?? null;
  if (first === null) return null;
  const chain = [first.id];
  // Each is younger than what it came from, so this ends.
  for (let from = first.from; from !== null; ) {
    chain.push(from);
    from = all.find(({ state }) => state?.id === from)?.state?.from ?? null;
  }
  return chain;
}
