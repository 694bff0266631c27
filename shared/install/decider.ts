import type { Decider } from "../core/decider.ts";
import { type Permission, parsePermission, permits } from "../core/permission.ts";
import { assertNever, type Rejection, reject } from "../core/refusal.ts";
import type {
  AutoUpdate,
  InstallApproved,
  InstallChannel,
  InstallEvent,
  InstallPins,
  InstallRequested,
  InstallSigner,
  UpgradeManifest,
} from "../generated/types.ts";

/** A release with everything it was pinned to; `grant` is what its runs may touch, home folder expanded. */
export interface InstalledRelease {
  readonly pins: InstallPins;
  readonly manifest: UpgradeManifest | null;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly grant: readonly Permission[];
}

/** One install, folded from its events. A wider update waits in `pending` while `active` goes on running. */
export interface InstallState {
  readonly status: "none" | "pending" | "enabled" | "disabled" | "yanked" | "removed";
  readonly active: InstalledRelease | null;
  readonly pending: (Omit<InstalledRelease, "grant"> & { readonly approval_reasons: readonly string[] }) | null;
  /** The highest revision accepted from each signer. */
  readonly revisions: Readonly<Record<string, number>>;
  /** What the owner chose for updates that widen nothing. */
  readonly updates: { readonly auto_update: AutoUpdate; readonly channel: InstallChannel };
  /** Releases that their author took back, by event id. */
  readonly yanked: readonly string[];
}

/** What the worker found out about a signed config, besides what it says. */
export interface SignedOrder {
  readonly signed_by: InstallSigner;
  /** Addressed to, and this worker's own key. */
  readonly recipient: string;
  readonly worker: string;
  readonly expires_at_ms: number;
  readonly now_ms: number;
  /** The most this signer may order without the owner, home folder expanded; null: the signer is not paired. */
  readonly ceiling: readonly Permission[] | null;
}

export type InstallCommand =
  | ({
      readonly type: "order";
      readonly pins: Omit<InstallPins, "signed_by" | "manifest_sha256" | "permission_hash">;
      readonly manifest: UpgradeManifest;
      readonly inputs: NonNullable<InstallRequested["data"]["inputs"]>;
      /** The hashes the config names, and those of what was really found. */
      readonly named: { readonly manifest_sha256: string; readonly permission_hash: string };
      readonly found: { readonly manifest_sha256: string; readonly permission_hash: string };
      readonly grant: readonly Permission[];
      /** In sentences, what the owner did not agree to with the release that runs; null where nothing runs. */
      readonly widened?: readonly string[] | null;
    } & SignedOrder)
  | ({ readonly type: "change"; readonly action: "enable" | "disable" | "remove" } & SignedOrder)
  /** Keeps a refusal of a correctly signed config in the log. */
  | { readonly type: "refuse"; readonly signed_by: InstallSigner; readonly code: string; readonly message: string }
  | { readonly type: "approve"; readonly permission_hash: string; readonly grant: readonly Permission[] }
  | { readonly type: "deny"; readonly reason: string }
  | { readonly type: "enable" }
  | { readonly type: "disable" | "remove"; readonly reason: string }
  | { readonly type: "set_updates"; readonly auto_update?: AutoUpdate; readonly channel?: InstallChannel }
  | {
      readonly type: "yank";
      readonly release_event_id: string;
      readonly yank_event_id: string;
      readonly reason: string;
    };

const ASKING = { auto_update: "ask", channel: "main" } as const;

/**
 * The rules of an install. Refusals: wrong_recipient, signer_unknown, config_expired, config_stale,
 * manifest_hash_mismatch, permission_hash_mismatch, author_changed, not_found, approval_required, release_yanked.
 */
export const installDecider: Decider<InstallState, InstallEvent, InstallCommand> = {
  initial: {
    status: "none",
    active: null,
    pending: null,
    revisions: {},
    updates: ASKING,
    yanked: [],
  },
  evolve,
  decide,
};

/** Granted by the owner alone, whatever the signer's ceiling. */
const OWNER_ONLY = new Set(["process:spawn", "env:read"]);

function evolve(state: InstallState, event: InstallEvent): InstallState {
  switch (event.event_type) {
    case "install.requested": {
      const { pins, manifest = null, inputs = {}, approval_reasons } = event.data;
      const status = state.active === null ? "pending" : state.status;
      return { ...remember(state, pins.signed_by), status, pending: { pins, manifest, inputs, approval_reasons } };
    }
    case "install.approved": {
      if (state.pending === null) return state;
      const { pins, manifest, inputs } = state.pending;
      return { ...state, active: { pins, manifest, inputs, grant: event.data.grant }, pending: null };
    }
    case "install.enabled":
      return { ...remember(state, event.data.signed_by), status: "enabled" };
    case "install.disabled":
      return { ...remember(state, event.data.signed_by), status: "disabled" };
    case "install.removed":
      return {
        ...remember(state, event.data.signed_by),
        status: "removed",
        active: null,
        pending: null,
        updates: ASKING,
      };
    case "install.updates_set":
      return { ...state, updates: event.data };
    case "install.yanked": {
      const { release_event_id } = event.data;
      const isOf = (release: { readonly pins: InstallPins } | null): boolean =>
        release?.pins.release_event_id === release_event_id;
      const yanked = [...state.yanked, release_event_id];
      const pending = isOf(state.pending) ? null : state.pending;
      if (isOf(state.active)) return { ...state, status: "yanked", pending, yanked };
      return {
        ...state,
        status: state.active === null && pending === null ? "removed" : state.status,
        pending,
        yanked,
      };
    }
    case "install.refused": {
      const denied = state.pending?.pins.signed_by.config_event_id === event.data.signed_by.config_event_id;
      if (!denied) return state;
      return { ...state, pending: null, status: state.active === null ? "removed" : state.status };
    }
    default:
      return assertNever(event);
  }
}

function remember(state: InstallState, signed_by: InstallSigner | undefined): InstallState {
  if (signed_by === undefined) return state;
  return { ...state, revisions: { ...state.revisions, [signed_by.signer]: signed_by.revision } };
}

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
      const { auto_update = state.updates.auto_update, channel = state.updates.channel } = command;
      if (state.updates.auto_update === auto_update && state.updates.channel === channel) return [];
      return [{ event_type: "install.updates_set", data: { auto_update, channel } }];
    }
    case "yank": {
      const { type: _, ...data } = command;
      const held = [state.active, state.pending].some((one) => one?.pins.release_event_id === data.release_event_id);
      return held && !state.yanked.includes(data.release_event_id) ? [{ event_type: "install.yanked", data }] : [];
    }
    case "enable":
      return enable(state);
    case "disable":
    case "remove":
      return stop(state, command.type, command.reason);
    default:
      return assertNever(command);
  }
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
  const known = state.active ?? state.pending;
  if (known !== null && known.pins.author_pubkey !== pins.author_pubkey) {
    return reject(
      "author_changed",
      `this install is of an upgrade by ${known.pins.author_pubkey}; an update by ${pins.author_pubkey} is not taken`,
    );
  }
  if (state.yanked.includes(pins.release_event_id)) {
    return reject("release_yanked", `${pins.upgrade_id} ${pins.upgrade_version} was taken back by its author`);
  }
  // Posting where the config says is publishing in the worker's name.
  const notes = (pins.completion_relays ?? []).length === 0 ? [] : ["event:publish:1"];
  const above = approvalReasons([...grant, ...notes], ceiling ?? []);
  // Only widening asks again, where the owner chose so.
  const unasked = state.active !== null && state.updates.auto_update === "narrow" && command.widened?.length === 0;
  const approval_reasons = unasked ? [] : above;
  const requested: InstallEvent = {
    event_type: "install.requested",
    data: { pins: { ...pins, signed_by, ...found }, approval_reasons, manifest, inputs },
  };
  if (approval_reasons.length > 0) return [requested];
  const by = above.length === 0 ? "ceiling" : "auto_update";
  return [requested, ...approved(state, signed_by.config_event_id, by, found.permission_hash, grant)];
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
    return permits(ceiling, permission) ? [] : [`${permission} is above what this signer may order`];
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
  const { permission_hash, signed_by } = state.pending.pins;
  if (command.permission_hash !== permission_hash) {
    return reject("permission_hash_mismatch", "what waits for approval is not what was shown; look at it again");
  }
  return approved(state, signed_by.config_event_id, "owner", permission_hash, command.grant);
}

/** A first install runs at once, and so does what comes after a release that was taken back; a disabled one stays so. */
function approved(
  state: InstallState,
  config_event_id: string,
  approved_by: InstallApproved["data"]["approved_by"],
  permission_hash: string,
  grant: readonly Permission[],
): readonly InstallEvent[] {
  const approval: InstallEvent = {
    event_type: "install.approved",
    data: { config_event_id, approved_by, permission_hash, grant },
  };
  const first = state.active === null || state.status === "yanked";
  return first ? [approval, { event_type: "install.enabled", data: {} }] : [approval];
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
  if (state.status === "enabled" && signed_by === undefined) return [];
  return [{ event_type: "install.enabled", data: signed_by === undefined ? {} : { signed_by } }];
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
  if (action === "disable" && state.status === "disabled" && signed_by === undefined) return [];
  const data = signed_by === undefined ? { reason } : { reason, signed_by };
  return [{ event_type: action === "disable" ? "install.disabled" : "install.removed", data }];
}
