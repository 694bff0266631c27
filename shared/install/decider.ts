import type { Decider } from "../core/decider.ts";
import { canonicalize } from "../core/json.ts";
import { type Permission, parsePermission, permits } from "../core/permission.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import { checkChanges, mergedChanges } from "../core/schedule-changes.ts";
import type {
  InstallApproved,
  InstallEvent,
  InstallRelease,
  InstallSigner,
  ScheduleChanges,
} from "../generated/types.ts";
import type { InstallCommand, SignedOrder } from "./commands.ts";
import { askedRelease, nameOf } from "./release.ts";
import {
  decideFailure,
  decideInspection,
  decideRevocations,
  decideRollback,
  decideSighting,
  decideSuccess,
  doubtsAbout,
  refuseAuthor,
  refuseRelease,
} from "./release-rules.ts";
import { evolveInstall, type InstallState, NO_INSTALL, withoutRevoked } from "./state.ts";
import { decideLift, decideOverride, decideTakedown, refuseTakenDown } from "./takedown.ts";

/**
 * The rules of an install. Refusals: wrong_recipient, signer_unknown, config_expired, config_stale,
 * manifest_hash_mismatch, permission_hash_mismatch, author_changed, not_found, approval_required, inspection_required,
 * release_yanked, listing_taken_down, listing_held, release_pinned, release_downgrade, release_set_aside, and those of `checkChanges`.
 */
export const installDecider: Decider<InstallState, InstallEvent, InstallCommand> = {
  initial: NO_INSTALL,
  evolve: evolveInstall,
  decide,
};

/** Granted by the owner alone, whatever the signer's ceiling. */
const OWNER_ONLY = new Set(["process:spawn", "env:read", "secret:use"]);

function decide(state: InstallState, command: InstallCommand): readonly InstallEvent[] | Rejection {
  switch (command.type) {
    case "order":
      return decideOrder(state, command);
    case "change":
      return decideChange(state, command);
    case "refuse": {
      const { signed_by, code, message } = command;
      return [{ event_type: "install.refused", data: { signed_by, code, message } }];
    }
    case "approve":
      return decideApproval(state, command);
    case "deny": {
      if (state.pending === null) return reject("not_found", "nothing waits for approval here");
      const { signed_by } = state.pending.pins;
      const data = { signed_by, code: "approval_denied", message: command.reason };
      return [{ event_type: "install.refused", data }];
    }
    case "set_updates": {
      if (state.active === null && state.pending === null) return reject("not_found", "there is no such install");
      const { type: _, ...chosen } = command;
      const data = { ...state.updates, ...chosen };
      return canonicalize(data) === canonicalize(state.updates) ? [] : [{ event_type: "install.updates_set", data }];
    }
    case "set_schedule":
      return decideSchedule(state, command.changes);
    case "set_caps": {
      if (state.active === null && state.pending === null) return reject("not_found", "there is no such install");
      const { caps } = command;
      return canonicalize(caps) === canonicalize(state.caps)
        ? []
        : [{ event_type: "install.caps_set", data: { caps } }];
    }
    case "yank": {
      const { type: _, ...data } = command;
      const releases = [state.active, state.pending, state.candidate, ...state.earlier];
      const held =
        releases.some((one) => one?.pins.release_event_id === data.release_event_id) ||
        state.seen.some(({ release_event_id }) => release_event_id === data.release_event_id);
      return held && !state.yanked.includes(data.release_event_id) ? [{ event_type: "install.yanked", data }] : [];
    }
    case "take_down":
      return decideTakedown(state, command);
    case "lift_takedown":
      return decideLift(state, command);
    case "override_takedown":
      return decideOverride(state, command);
    case "inspect":
      return decideInspection(state, command);
    case "see_release":
      return decideSighting(state, command);
    case "ran_through":
      return decideSuccess(state, command);
    case "ran_aground":
      return decideFailure(state, command);
    case "roll_back":
      return decideRollback(state, command);
    case "set_revocations":
      return decideRevocations(state, command);
    case "enable":
      return enable(state);
    case "disable":
    case "remove":
      return stop(state, command.type, command.reason);
    default:
      return assertNever(command);
  }
}

function decideSchedule(
  { active, pending, schedule_changes }: InstallState,
  given: ScheduleChanges | null,
): readonly InstallEvent[] | Rejection {
  const { pins } = pending ?? active ?? { pins: null };
  if (pins === null) return reject("not_found", "there is no such install");
  if (given !== null && Object.keys(given).length === 0) return [];
  const changes = given === null ? null : mergedChanges(schedule_changes, given);
  const refusal = changes === null ? null : checkChanges(pins.schedule, changes);
  if (refusal !== null) return refusal;
  if (canonicalize(changes) === canonicalize(schedule_changes)) return [];
  return [{ event_type: "install.schedule_set", data: { changes } }];
}

function decideOrder(
  state: InstallState,
  command: Extract<InstallCommand, { type: "order" }>,
): readonly InstallEvent[] | Rejection {
  const refusal = refuseOrder(state, command);
  if (refusal !== null) return refusal;
  const { named, found, pins, signed_by, manifest, inputs, grant, ceiling } = command;
  if (named.manifest_sha256 !== found.manifest_sha256) {
    return reject(
      "manifest_hash_mismatch",
      `the config was signed for manifest ${named.manifest_sha256}, but the event holds ${found.manifest_sha256}`,
    );
  }
  if (named.permission_hash !== found.permission_hash) {
    return reject(
      "permission_hash_mismatch",
      "the permissions the signer approved are not those that this release needs with these inputs",
    );
  }
  const stranger = refuseAuthor(state, command);
  if (stranger !== null) return stranger;
  if (state.yanked.includes(pins.release_event_id)) {
    return reject("release_yanked", `${pins.upgrade_id} ${pins.upgrade_version} was taken back by its author`);
  }
  const refused = refuseRelease(state, command);
  if (refused !== null) return refused;
  // Posting where the config says is publishing in the worker's name.
  const notes = (pins.completion_relays ?? []).length === 0 ? [] : ["event:publish:1"];
  const above = [...approvalReasons([...grant, ...notes], ceiling ?? []), ...doubtsAbout(state, command)];
  // Only widening asks again, where the owner chose so.
  const unasked = state.active !== null && state.updates.auto_update === "narrow" && command.widened?.length === 0;
  const calm = unasked && doubtsAbout(state, command).length === 0;
  const approval_reasons = calm ? [] : above;
  const asked = { ...pins, signed_by, ...found };
  const requested: InstallEvent = {
    event_type: "install.requested",
    data: { pins: asked, approval_reasons, manifest, inputs },
  };
  if (approval_reasons.length > 0) return [requested];
  const rule = above.length > 0;
  const release = nameOf(askedRelease(asked, state.revoked));
  const widened = [...(command.widened ?? [])].slice(0, 100);
  const staged = command.unattended === true && state.updates.trial !== false;
  return [
    requested,
    { event_type: "install.inspected", data: { release, shown_to: rule ? "rule" : "signer", widened } },
    ...approved(state, release, {
      config_event_id: signed_by.config_event_id,
      approved_by: rule ? "auto_update" : "ceiling",
      permission_hash: release.permission_hash,
      grant: [...withoutRevoked(grant, state.revoked)],
      ...(staged ? { staged: true } : {}),
    }),
  ];
}

/** What every signed config must pass, in the order in which an owner would ask. */
function refuseOrder(state: InstallState, order: SignedOrder): Rejection | null {
  if (order.recipient !== order.worker) {
    return reject("wrong_recipient", `the config is for worker ${order.recipient}, not for this one`);
  }
  const { signer, revision } = order.signed_by;
  if (order.ceiling === null) return reject("signer_unknown", `the key ${signer} is not paired with this worker`);
  if (order.now_ms >= order.expires_at_ms) {
    return reject("config_expired", `the config expired at ${new Date(order.expires_at_ms).toISOString()}`);
  }
  const known = state.revisions[signer] ?? 0;
  if (revision <= known) {
    return reject("config_stale", `revision ${revision} is not above ${known}, which this signer sent before`);
  }
  return null;
}

/** Plain sentences saying why the owner must approve; empty where the ceiling covers everything. */
export function approvalReasons(grant: readonly Permission[], ceiling: readonly Permission[]): readonly string[] {
  const reasons = grant.flatMap((permission) => {
    if (OWNER_ONLY.has(parsePermission(permission)?.kind ?? "process:spawn")) {
      return [`${permission} always needs the owner's approval`];
    }
    return permits(ceiling, permission) ? [] : [`${permission} is above what this key may order by itself`];
  });
  return reasons.length <= 50 ? reasons : [...reasons.slice(0, 49), `and ${reasons.length - 49} more`];
}

function decideChange(
  state: InstallState,
  command: Extract<InstallCommand, { type: "change" }>,
): readonly InstallEvent[] | Rejection {
  const refusal = refuseOrder(state, command);
  if (refusal !== null) return refusal;
  const { action, signed_by } = command;
  if (action === "enable") return enable(state, signed_by);
  return stop(state, action, "ordered by a signed config", signed_by);
}

function decideApproval(
  state: InstallState,
  command: Extract<InstallCommand, { type: "approve" }>,
): readonly InstallEvent[] | Rejection {
  if (state.pending === null) return reject("not_found", "nothing waits for approval here");
  const { pending, inspected } = state;
  const { permission_hash, signed_by } = pending.pins;
  if (command.permission_hash !== permission_hash) {
    return reject("permission_hash_mismatch", "what waits for approval is not what was shown; look at it again");
  }
  const release = nameOf(pending);
  if (canonicalize(inspected) !== canonicalize(release)) {
    return reject("inspection_required", "look at what it may do before you approve it (oa installs inspect)");
  }
  const { grant, staged = false, enable: enabled = true } = command;
  const { config_event_id } = signed_by;
  const approval = { config_event_id, approved_by: "owner", permission_hash, grant: [...grant] } as const;
  return approved(state, release, { ...approval, ...(staged ? { staged: true } : {}) }, enabled);
}

/** A first install is enabled with it, and so is what comes after a release that was taken back; a disabled one stays so. */
function approved(
  state: InstallState,
  release: InstallRelease,
  approval: InstallApproved["data"],
  enabled = true,
): readonly InstallEvent[] {
  const first = state.active === null || state.status === "yanked";
  const { staged: _, ...at_once } = approval;
  const data = { ...(first ? at_once : approval), release };
  const event: InstallEvent = { event_type: "install.approved", data };
  return first && enabled ? [event, { event_type: "install.enabled", data: { release } }] : [event];
}

function isYanked({ active, yanked }: InstallState): boolean {
  return active !== null && yanked.includes(active.pins.release_event_id);
}

function enable(state: InstallState, signed_by?: InstallSigner): readonly InstallEvent[] | Rejection {
  if (state.active === null) {
    return state.pending === null
      ? reject("not_found", "there is no such install")
      : reject("approval_required", "this install waits for the owner's approval");
  }
  if (isYanked(state)) return reject("release_yanked", "its author took this release back; install another");
  const kept = refuseTakenDown(state);
  if (kept !== null) return kept;
  if (state.status === "enabled" && signed_by === undefined) return [];
  const release = nameOf(state.active);
  return [{ event_type: "install.enabled", data: signed_by === undefined ? { release } : { release, signed_by } }];
}

function stop(
  state: InstallState,
  action: "disable" | "remove",
  reason: string,
  signed_by?: InstallSigner,
): readonly InstallEvent[] | Rejection {
  if (state.active === null && (action === "disable" || state.pending === null)) {
    return reject("not_found", "there is no such install");
  }
  // Stopped by a moderator is another matter: once its owner stops it, it stays so when the moderator's word ends.
  const stopped = state.status === "disabled" && state.takedown?.stopped !== true;
  if (action === "disable" && stopped && signed_by === undefined) return [];
  const data = signed_by === undefined ? { reason } : { reason, signed_by };
  return [{ event_type: action === "disable" ? "install.disabled" : "install.removed", data }];
}
