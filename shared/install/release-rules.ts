import { canonicalize } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import { isOlder } from "../core/semver.ts";
import type { InstallEvent, RevokedPermission } from "../generated/types.ts";
import type { InstallCommand } from "./commands.ts";
import { type InstalledRelease, nameOf, narrowed } from "./release.ts";
import { isSetAside, lastGood } from "./releases.ts";
import type { InstallState } from "./state.ts";

type Decided = readonly InstallEvent[] | Rejection;
type Of<Type extends InstallCommand["type"]> = Extract<InstallCommand, { type: Type }>;

/** What is agreed to was looked at before, and this keeps by whom. Refusals: not_found, permission_hash_mismatch. */
export function decideInspection({ pending }: InstallState, command: Of<"inspect">): Decided {
  if (pending === null) return reject("not_found", "nothing waits for approval here");
  const { permission_hash, widened, known_for_ms } = command;
  if (permission_hash !== pending.pins.permission_hash) {
    return reject("permission_hash_mismatch", "what waits for approval is not what was shown; look at it again");
  }
  const known = known_for_ms === undefined ? {} : { known_for_ms };
  const data = { release: nameOf(pending), shown_to: "owner", widened: widened.slice(0, 100), ...known } as const;
  return [{ event_type: "install.inspected", data }];
}

/** Why an order's release may not take the place of what runs. Refusals: release_pinned, release_downgrade, release_set_aside. */
export function refuseRelease(state: InstallState, command: Of<"order">): Rejection | null {
  const { active, updates } = state;
  const { pins, unattended = false, found } = command;
  if (active === null) return null;
  const [now, next] = [active.pins.upgrade_version, pins.upgrade_version];
  const same = active.pins.release_event_id === pins.release_event_id;
  if (updates.pinned === true && !same) {
    return reject("release_pinned", `it is pinned to version ${now}; unpin it to take version ${next}`);
  }
  if (!unattended) return null;
  if (isOlder(next, now)) {
    return reject("release_downgrade", `version ${next} is older than ${now}, which runs; it is not taken unasked`);
  }
  if (isSetAside(state, { ...pins, ...found })) {
    return reject("release_set_aside", `version ${next} was rolled back here; it is not taken again unasked`);
  }
  return null;
}

/**
 * Null where an order's release is by the author known here, or by a key that this one named as its successor, of the
 * same upgrade. Refusal: author_changed.
 */
export function refuseAuthor(
  { active, pending }: InstallState,
  { pins, author_keys = [] }: Of<"order">,
): Rejection | null {
  const known = (active ?? pending)?.pins;
  if (known === undefined || known.author_pubkey === pins.author_pubkey) return null;
  const succeeds = author_keys[0] === known.author_pubkey && author_keys.at(-1) === pins.author_pubkey;
  if (succeeds && known.upgrade_id === pins.upgrade_id) return null;
  return reject(
    "author_changed",
    `this install is of an upgrade by ${known.author_pubkey}; an update by ${pins.author_pubkey} is not taken`,
  );
}

/** Why the owner is asked although the signer's ceiling covers it. */
export function doubtsAbout(state: InstallState, { pins, found, unattended = false }: Of<"order">): readonly string[] {
  const { active, pending, updates } = state;
  const before = (active ?? pending)?.pins.author_pubkey ?? pins.author_pubkey;
  const moved = before === pins.author_pubkey ? [] : [anotherKey(before, pins.author_pubkey)];
  if (active === null) return moved;
  const [now, next] = [active.pins.upgrade_version, pins.upgrade_version];
  return [
    ...moved,
    ...(isOlder(next, now) ? [`version ${next} is OLDER than ${now}, which runs`] : []),
    ...(isSetAside(state, { ...pins, ...found }) ? [`version ${next} was rolled back here`] : []),
    ...(unattended && updates.auto_update === "ask" ? ["every update waits for your approval"] : []),
  ];
}

/** What an owner must know of a rotation: nobody but they can tell a handover from a theft. */
function anotherKey(before: string, now: string): string {
  return `it is signed by another key, ${now}, which the author's key until now, ${before}, named as its successor`;
}

/** A release proves itself by running through; one on trial takes the other's place by it. */
export function decideSuccess(state: InstallState, { release_event_id, run_id }: Of<"ran_through">): Decided {
  const { candidate, active, proved } = state;
  if (candidate?.pins.release_event_id === release_event_id) {
    return [{ event_type: "install.promoted", data: { release: nameOf(candidate), run_id } }];
  }
  if (active?.pins.release_event_id !== release_event_id || proved.includes(release_event_id)) return [];
  return [{ event_type: "install.proved", data: { release: nameOf(active), run_id } }];
}

/** One failure ends a trial; several in a row bring back the last good release, if there is one. */
export function decideFailure(state: InstallState, command: Of<"ran_aground">): Decided {
  const { active, candidate, updates } = state;
  const { release_event_id, run_id, failures, message } = command;
  if (active === null) return [];
  if (candidate?.pins.release_event_id === release_event_id) {
    const reason = `its trial run failed: ${message}`.slice(0, 500);
    const data = { from: nameOf(candidate), to: nameOf(active), by: "trial", reason, run_id } as const;
    return [{ event_type: "install.rolled_back", data }];
  }
  const most = rollbackAfter(state);
  const target = lastGood(state);
  const stays = updates.pinned === true || target === null || most === 0 || failures < most;
  if (active.pins.release_event_id !== release_event_id || stays) return [];
  const reason = `${failures} runs in a row failed, the last one: ${message}`.slice(0, 500);
  const data = { from: nameOf(active), to: nameOf(target), by: "failures", reason, run_id } as const;
  return [{ event_type: "install.rolled_back", data }];
}

/** After how many failed runs in a row the last good release comes back: as the owner says, else the upgrade; 0: never. */
export function rollbackAfter({ active, updates }: Pick<InstallState, "active" | "updates">): number {
  return updates.rollback_after ?? active?.manifest?.policy?.rollback_after_failures ?? LIMITS.rollback_failures;
}

/** The owner goes back to what was approved here before. Refusals: not_found, release_yanked. */
export function decideRollback(state: InstallState, { to, reason }: Of<"roll_back">): Decided {
  const { active, candidate, earlier, yanked, status } = state;
  if (active === null) return reject("not_found", "nothing runs here that could be rolled back");
  const named = (one: InstalledRelease): boolean =>
    to === one.pins.release_event_id || to === one.pins.upgrade_version || to === null;
  if (candidate !== null && named(active)) return rolledBack(candidate, active, reason);
  const stands = (one: InstalledRelease): boolean =>
    !isSetAside(state, one.pins) && !yanked.includes(one.pins.release_event_id);
  const offered = earlier.filter(to === null ? stands : named);
  const target = (to === null ? lastGood(state) : null) ?? offered[0];
  if (target === undefined) {
    const kept = earlier.map(({ pins }) => pins.upgrade_version).join(", ");
    const { upgrade_id } = active.pins;
    if (to === null && kept !== "") {
      const message = `every earlier release of ${upgrade_id} was rolled back or taken back; name the one to go back to: ${kept}`;
      return reject("not_found", message);
    }
    const what = `no ${to === null ? "earlier release" : `release ${to}`} of ${upgrade_id}`;
    return reject("not_found", `${what} was approved here${kept === "" ? "" : `; there are ${kept}`}`);
  }
  if (yanked.includes(target.pins.release_event_id)) {
    return reject("release_yanked", `version ${target.pins.upgrade_version} was taken back by its author`);
  }
  const back = rolledBack(active, target, reason);
  // What was taken back by its author stopped; what the owner goes back to runs.
  const enabled = { event_type: "install.enabled", data: { release: nameOf(target) } } as const;
  return status === "yanked" ? [...back, enabled] : back;
}

function rolledBack(from: InstalledRelease, to: InstalledRelease, reason: string): readonly InstallEvent[] {
  return [{ event_type: "install.rolled_back", data: { from: nameOf(from), to: nameOf(to), by: "owner", reason } }];
}

/** Takes permissions away, or gives them back. Refusals: not_found, for what was never asked for. */
export function decideRevocations(state: InstallState, { revoked }: Of<"set_revocations">): Decided {
  const { active, pending, candidate } = state;
  if (active === null) return reject("not_found", "nothing runs here that could be narrowed");
  const releases = [active, ...(pending === null ? [] : [pending]), ...(candidate === null ? [] : [candidate])];
  const asked = releases.flatMap((release) => release.asked.permissions);
  const known = [...asked, ...state.revoked.map(({ permission }) => permission)];
  const strange = revoked.find(({ permission }) => !known.includes(permission));
  if (strange !== undefined) {
    return reject(
      "not_found",
      `it was never granted ${strange.permission}; it has ${active.asked.permissions.join(", ")}`,
    );
  }
  if (canonicalize(revoked) === canonicalize(state.revoked)) return [];
  const release = narrowed(active, revoked);
  const data = { revoked: revoked as RevokedPermission[], release: nameOf(release), grant: [...release.grant] };
  return [{ event_type: "install.revocations_set", data }];
}

/** The first time a release is seen counts, whatever the clock says later: one that is set back and forth ages nothing. */
export function decideSighting(state: InstallState, { type: _, ...data }: Of<"see_release">): Decided {
  if (state.active === null && state.pending === null) return reject("not_found", "there is no such install");
  const known = state.seen.some(({ release_event_id }) => release_event_id === data.release_event_id);
  return known ? [] : [{ event_type: "install.release_seen", data }];
}
