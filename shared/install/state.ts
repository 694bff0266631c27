import type { Permission } from "../core/permission.ts";
import { assertNever } from "../core/refusal.ts";
import { ownSchedule } from "../core/schedule-changes.ts";
import type {
  InstallEvent,
  InstallRequested,
  InstallSigner,
  InstallTakenDown,
  InstallUpdatesSet,
  RevokedPermission,
  RunCaps,
  ScheduleChanges,
  UpgradeSchedule,
} from "../generated/types.ts";
import { askedRelease, type InstalledRelease } from "./release.ts";
import { evolveReleases, NO_RELEASES, type Releases } from "./releases.ts";

/** A release that waits for the owner, and why. */
export interface PendingRelease extends InstalledRelease {
  readonly approval_reasons: readonly string[];
}

/** One install, folded from its events. A wider update waits in `pending` while `active` goes on running. */
export interface InstallState extends Releases<InstalledRelease, PendingRelease> {
  readonly status: "none" | "pending" | "enabled" | "disabled" | "yanked" | "removed";
  /** The highest revision accepted from each signer. */
  readonly revisions: Readonly<Record<string, number>>;
  /** What the owner chose for updates. */
  readonly updates: InstallUpdatesSet["data"];
  /** What the owner chose in place of the upgrade's own schedule; null: nothing. */
  readonly schedule_changes: ScheduleChanges | null;
  /** The most that a run may use, as the owner chose; null: the worker's setting. */
  readonly caps: RunCaps | null;
  /** What a trusted moderator decided of it and that stands; `overridden`: its owner runs it all the same. */
  readonly takedown: (InstallTakenDown["data"] & { readonly overridden: boolean }) | null;
}

const CHOICES = {
  updates: { auto_update: "ask", channel: "main" },
  schedule_changes: null,
  caps: null,
  takedown: null,
} as const;

export const NO_INSTALL: InstallState = { ...NO_RELEASES, ...CHOICES, status: "none", revisions: {} };

/** When the release that runs does so: as it declares, with what the owner chose; null where nothing runs. */
export function scheduleOf({ active, schedule_changes }: InstallState): UpgradeSchedule | null {
  return active === null ? null : ownSchedule(active.pins.schedule, schedule_changes);
}

/** What `release` may touch without what the owner took away of all that the upgrade asks for. */
export function withoutRevoked(grant: readonly Permission[], revoked: readonly RevokedPermission[]): readonly string[] {
  return revoked.length === 0 ? grant : grant.filter((one) => !revoked.some(({ granted }) => granted === one));
}

export function evolveInstall(before: InstallState, event: InstallEvent): InstallState {
  const state: InstallState = { ...before, ...evolveReleases(before, event, askFor) };
  const { active, pending } = state;
  switch (event.event_type) {
    case "install.requested":
      return { ...remember(state, event.data.pins.signed_by), status: active === null ? "pending" : state.status };
    case "install.approved":
      // Agreed to is not enabled yet.
      return before.pending !== null && state.status === "pending" ? { ...state, status: "disabled" } : state;
    case "install.enabled":
      return { ...remember(state, event.data.signed_by), status: "enabled" };
    case "install.disabled":
      return { ...remember(state, event.data.signed_by), ...stoppedByOwner(state), status: "disabled" };
    case "install.taken_down":
      return { ...state, takedown: { ...event.data, overridden: false } };
    case "install.takedown_lifted":
      return { ...state, takedown: null };
    case "install.takedown_overridden":
      return { ...state, takedown: state.takedown && { ...state.takedown, overridden: true } };
    case "install.removed":
      return { ...remember(state, event.data.signed_by), ...CHOICES, status: "removed" };
    case "install.updates_set":
      return { ...state, updates: event.data };
    case "install.schedule_set":
      return { ...state, schedule_changes: event.data.changes };
    case "install.caps_set":
      return { ...state, caps: event.data.caps };
    case "install.yanked":
      if (active?.pins.release_event_id === event.data.release_event_id) return { ...state, status: "yanked" };
      return { ...state, status: active === null && pending === null ? "removed" : state.status };
    case "install.refused":
      if (before.pending === null || pending !== null) return state;
      return { ...state, status: active === null ? "removed" : state.status };
    case "install.inspected":
    case "install.promoted":
    case "install.proved":
    case "install.rolled_back":
    case "install.revocations_set":
    case "install.release_seen":
      return state;
    default:
      return assertNever(event);
  }
}

function askFor(data: InstallRequested["data"], revoked: readonly RevokedPermission[]): PendingRelease {
  const { pins, manifest = null, inputs = {}, approval_reasons } = data;
  return { ...askedRelease(pins, revoked), manifest, inputs, approval_reasons };
}

function remember(state: InstallState, signed_by: InstallSigner | undefined): InstallState {
  if (signed_by === undefined) return state;
  return { ...state, revisions: { ...state.revisions, [signed_by.signer]: signed_by.revision } };
}

/** The first stop after a moderator's word is that word's; one that comes later is the owner's own. */
function stoppedByOwner({ status, takedown }: InstallState): Pick<InstallState, "takedown"> {
  return { takedown: takedown !== null && status === "disabled" ? { ...takedown, stopped: false } : takedown };
}
