import { type Permission, permissionHash, sortPermissions } from "../core/permission.ts";
import type { InstallPins, InstallRelease, RevokedPermission, UpgradeManifest } from "../generated/types.ts";

/**
 * Where a release keeps its own state: a number of its install, never used twice, and that of the release whose state
 * it begins as a copy of; null: it begins empty.
 */
export interface StateRef {
  readonly id: number;
  readonly from: number | null;
}

/**
 * A release as it was agreed to, less what the owner took away: `pins` and `grant` are what is left, and what runs are
 * held to. `asked` is all of it, so that what was taken away can be given back.
 */
export interface GrantedRelease {
  readonly pins: InstallPins;
  /** Home folder expanded; empty until it is approved. */
  readonly grant: readonly Permission[];
  readonly asked: { readonly permissions: readonly Permission[]; readonly grant: readonly Permission[] };
  /** What of it the owner took away. */
  readonly revoked: readonly RevokedPermission[];
  /** Where it keeps its own files; null until it is approved. */
  readonly state: StateRef | null;
}

/** A release with everything it was pinned to. */
export interface InstalledRelease extends GrantedRelease {
  readonly manifest: UpgradeManifest | null;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** What was asked for, before anything is granted. */
export function askedRelease(pins: InstallPins, revoked: readonly RevokedPermission[]): GrantedRelease {
  const asked = { permissions: pins.permissions, grant: [] };
  return narrowed({ pins, grant: [], asked, revoked: [], state: null }, revoked);
}

/** The same release with its permissions granted. `grant` is that of `pins.permissions`: what is left of what was asked. */
export function granted<R extends GrantedRelease>(release: R, grant: readonly Permission[]): R {
  const all = sortPermissions([...grant, ...release.revoked.map(({ granted: one }) => one)]);
  return { ...release, grant, asked: { ...release.asked, grant: all } };
}

/** A release without what the owner takes away of it now, whatever was taken away before. */
export function narrowed<R extends GrantedRelease>(release: R, revoked: readonly RevokedPermission[]): R {
  const { pins, asked } = release;
  const own = revoked.filter(({ permission }) => asked.permissions.includes(permission));
  if (own.length === 0 && release.revoked.length === 0) return release;
  const [gone, ungranted] = [own.map(({ permission }) => permission), own.map((one) => one.granted)];
  const permissions = asked.permissions.filter((permission) => !gone.includes(permission));
  return {
    ...release,
    pins: { ...pins, permissions, permission_hash: permissionHash(permissions) },
    grant: asked.grant.filter((permission) => !ungranted.includes(permission)),
    revoked: own,
  };
}

/** The names of a release, as events and people pin it. */
export function nameOf({ pins }: { readonly pins: InstallPins }): InstallRelease {
  const { upgrade_version, manifest_event_id, release_event_id, manifest_sha256, permission_hash } = pins;
  return { upgrade_version, manifest_event_id, release_event_id, manifest_sha256, permission_hash };
}

export function isSame(a: { readonly pins: InstallPins }, release_event_id: string): boolean {
  return a.pins.release_event_id === release_event_id;
}
