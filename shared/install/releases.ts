import { LIMITS } from "../core/limits.ts";
import type {
  InstallEvent,
  InstallRelease,
  InstallReleaseSeen,
  InstallRequested,
  RevokedPermission,
} from "../generated/types.ts";
import { stateFor } from "./own-state.ts";
import { type GrantedRelease, granted, isSame, narrowed } from "./release.ts";

/** What became of the releases of one install. Folded for the rules with manifests, and for lists without them. */
export interface Releases<R extends GrantedRelease, P extends R = R> {
  readonly active: R | null;
  /** Waits for the owner. */
  readonly pending: P | null;
  /** Agreed to, and on trial: the next start by schedule or trigger is its, and `active` goes on if that fails. */
  readonly candidate: R | null;
  /** Ran here before, the latest first, at most `LIMITS.releases_kept`: what can be gone back to. */
  readonly earlier: readonly R[];
  /** Those of them that ran through at least once, by event id. */
  readonly proved: readonly string[];
  /** Rolled back: not taken again unasked, under whatever event. */
  readonly set_aside: readonly InstallRelease[];
  /** When this worker first saw a release, the latest first. */
  readonly seen: readonly InstallReleaseSeen["data"][];
  /** What somebody has looked at and may now agree to. */
  readonly inspected: InstallRelease | null;
  readonly revoked: readonly RevokedPermission[];
  /** Taken back by their author, by event id. */
  readonly yanked: readonly string[];
  /** How many states were ever given to releases: the id of the latest. */
  readonly states: number;
}

export const NO_RELEASES: Releases<never> = {
  ...{ active: null, pending: null, candidate: null, earlier: [], proved: [], set_aside: [], seen: [] },
  ...{ inspected: null, revoked: [], yanked: [], states: 0 },
};

/** `ask` makes what waits for the owner from what was asked for. */
export function evolveReleases<R extends GrantedRelease, P extends R>(
  was: Releases<R, P>,
  event: InstallEvent,
  ask: (data: InstallRequested["data"], revoked: readonly RevokedPermission[]) => P,
): Releases<R, P> {
  switch (event.event_type) {
    case "install.requested":
      return { ...was, pending: ask(event.data, was.revoked), inspected: null };
    case "install.inspected":
      return { ...was, inspected: event.data.release };
    case "install.approved": {
      if (was.pending === null) return was;
      const { states, state } = stateFor(was, was.pending);
      const release: R = { ...granted(was.pending, event.data.grant), state };
      const rest: Releases<R, P> = { ...was, pending: null, inspected: null, states };
      return event.data.staged === true ? { ...rest, candidate: release } : activated(rest, release);
    }
    case "install.promoted": {
      if (was.candidate === null) return was;
      return activated({ ...was, proved: [...was.proved, event.data.release.release_event_id] }, was.candidate);
    }
    case "install.proved":
      return { ...was, proved: [...was.proved, event.data.release.release_event_id] };
    case "install.rolled_back":
      return rolledBack(was, event.data.from, event.data.to);
    case "install.revocations_set": {
      const { revoked } = event.data;
      const less = <T extends GrantedRelease>(one: T | null): T | null =>
        one === null ? null : narrowed(one, revoked);
      const { active, pending, candidate, earlier } = was;
      return {
        ...{ ...was, revoked, active: less(active), pending: less(pending), candidate: less(candidate) },
        earlier: earlier.map((release) => narrowed(release, revoked)),
      };
    }
    case "install.release_seen": {
      const others = was.seen.filter(({ release_event_id }) => release_event_id !== event.data.release_event_id);
      return { ...was, seen: [event.data, ...others].slice(0, LIMITS.releases_seen) };
    }
    case "install.yanked": {
      const { release_event_id } = event.data;
      const kept = <T extends GrantedRelease>(one: T | null): T | null =>
        one === null || isSame(one, release_event_id) ? null : one;
      const yanked = [...was.yanked, release_event_id];
      return { ...was, pending: kept(was.pending), candidate: kept(was.candidate), yanked };
    }
    case "install.refused": {
      const { config_event_id } = event.data.signed_by;
      const denied = was.pending?.pins.signed_by.config_event_id === config_event_id;
      return denied ? { ...was, pending: null, inspected: null } : was;
    }
    case "install.removed":
      return { ...NO_RELEASES, yanked: was.yanked, states: was.states };
    default:
      return was;
  }
}

/** The release runs from now on; what ran before is kept. A release that was rolled back and is agreed to again counts anew. */
function activated<R extends GrantedRelease, P extends R>(was: Releases<R, P>, release: R): Releases<R, P> {
  const { release_event_id } = release.pins;
  const before = was.active === null ? was.earlier : [was.active, ...was.earlier];
  const earlier = before.filter((one) => !isSame(one, release_event_id)).slice(0, LIMITS.releases_kept);
  return {
    ...{ ...was, active: release, candidate: null, earlier, proved: proofs(was.proved, [release, ...earlier]) },
    set_aside: was.set_aside.filter((one) => one.release_event_id !== release_event_id),
  };
}

function rolledBack<R extends GrantedRelease, P extends R>(
  was: Releases<R, P>,
  from: InstallRelease,
  to: InstallRelease,
): Releases<R, P> {
  const others = was.set_aside.filter(
    ({ release_event_id: id }) => ![from, to].some((one) => one.release_event_id === id),
  );
  const set_aside = [from, ...others].slice(0, LIMITS.releases_kept);
  if (was.candidate !== null && isSame(was.candidate, from.release_event_id)) {
    return { ...was, candidate: null, set_aside };
  }
  const target = was.earlier.find((one) => isSame(one, to.release_event_id));
  return target === undefined ? was : { ...activated({ ...was, set_aside }, target), set_aside };
}

function proofs(proved: readonly string[], kept: readonly GrantedRelease[]): readonly string[] {
  return [...new Set(proved)].filter((id) => kept.some((one) => isSame(one, id)));
}

/** Where an install can go back to by itself: the last that ran through, was not rolled back and not taken back. */
export function lastGood<R extends GrantedRelease>(releases: Releases<R>): R | null {
  const { earlier, proved, set_aside, yanked } = releases;
  const good = earlier.find(({ pins: { release_event_id: id } }) => {
    const aside = set_aside.some((one) => one.release_event_id === id);
    return proved.includes(id) && !yanked.includes(id) && !aside;
  });
  return good ?? null;
}

/** Whether a release was rolled back here: by its event, or by its manifest under another. */
export function isSetAside(
  { set_aside }: Pick<Releases<GrantedRelease>, "set_aside">,
  release: { readonly release_event_id: string; readonly manifest_sha256: string },
): boolean {
  return set_aside.some(
    (one) => one.release_event_id === release.release_event_id || one.manifest_sha256 === release.manifest_sha256,
  );
}
