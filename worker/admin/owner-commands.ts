import type { InstallAction } from "@oa/shared/api/ports.ts";
import { expandHome, type Permission } from "@oa/shared/core/permission.ts";
import { assertNever, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlInstallChange, RevokedPermission } from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import type { InstallView } from "@oa/shared/install/views.ts";

/** What the owner asks of an install, as a command to it. `widened`: what the release that waits may do anew. */
export function ownerCommand(
  install: InstallView,
  action: InstallAction,
  given: ControlInstallChange,
  about: { readonly home: string; readonly now_ms: number; readonly widened: readonly string[] },
): InstallCommand | Rejection {
  const { reason = "decided by the owner", permission_hash, caps, to = null } = given;
  switch (action) {
    case "inspect": {
      if (permission_hash === undefined) return reject("usage", "name the permission_hash that the owner was shown");
      const known_for_ms = knownFor_ms(install, install.pending?.release_event_id, about.now_ms);
      const known = known_for_ms === null ? {} : { known_for_ms };
      return { type: "inspect", permission_hash, widened: about.widened.map((one) => one.slice(0, 1_000)), ...known };
    }
    case "approve": {
      if (permission_hash === undefined) return reject("usage", "name the permission_hash that the owner was shown");
      const { staged, enable } = given;
      return {
        ...{ type: "approve", permission_hash },
        grant: expandHome(install.pending?.permissions ?? [], about.home),
        ...(staged === undefined ? {} : { staged }),
        ...(enable === undefined ? {} : { enable }),
      };
    }
    case "enable":
      return { type: "enable" };
    case "pin":
    case "unpin":
      return { type: "set_updates", pinned: action === "pin" };
    case "updates":
      return updateChoices(given);
    case "caps":
      if (caps === undefined) return reject("usage", "name the caps to set, or null for the worker's own");
      return { type: "set_caps", caps };
    case "rollback":
      return { type: "roll_back", to, reason };
    case "narrow":
      return { type: "set_revocations", revoked: revocations(install, given, about.home) };
    case "override":
      if (given.reason === undefined) return reject("usage", "say why it runs all the same: the log keeps it");
      return { type: "override_takedown", reason };
    case "deny":
    case "disable":
    case "remove":
      return { type: action, reason };
    default:
      return assertNever(action);
  }
}

/** What the owner chose about updates, and nothing that was not named. */
export function updateChoices(given: ControlInstallChange): InstallCommand {
  const { auto_update, channel, min_age_h, rollback_after, trial } = given;
  return {
    type: "set_updates",
    ...(auto_update === undefined ? {} : { auto_update }),
    ...(channel === undefined ? {} : { channel }),
    ...(min_age_h === undefined ? {} : { min_age_h }),
    ...(rollback_after === undefined ? {} : { rollback_after }),
    ...(trial === undefined ? {} : { trial }),
  };
}

/** How long this worker has known a release; null: it sees it for the first time. */
export function knownFor_ms(
  { seen }: Pick<InstallView, "seen">,
  release_event_id: string | undefined,
  now_ms: number,
): number | null {
  const known = seen.find((one) => one.release_event_id === release_event_id);
  return known === undefined ? null : Math.max(0, now_ms - known.seen_at_ms);
}

function revocations(
  { revoked }: InstallView,
  { revoke = [], restore = [] }: ControlInstallChange,
  home: string,
): readonly RevokedPermission[] {
  const kept = revoked.filter(({ permission }) => !restore.includes(permission) && !revoke.includes(permission));
  const expanded = (permission: Permission): string => expandHome([permission], home)[0] ?? permission;
  const taken = [...new Set(revoke)].map((permission) => ({ permission, granted: expanded(permission) }));
  return [...kept, ...taken].sort((a, b) => (a.permission < b.permission ? -1 : 1));
}
