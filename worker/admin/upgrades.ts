import type { ControlPorts } from "@oa/shared/api/ports.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { ControlInstallSource, InstallChannel, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { listInstalls } from "@oa/shared/install/views.ts";
import { fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { type SchnorrVerify, verifyEvent } from "@oa/shared/nostr/verify.ts";
import type { UpgradeDiff } from "@oa/shared/upgrade/change.ts";
import { diffUpgrades } from "@oa/shared/upgrade/diff.ts";
import { sideOf, type UpgradeSide } from "@oa/shared/upgrade/side.ts";
import { installOf } from "./install-inputs.ts";
import { addressText, type NamingOptions, sourceNamed } from "./naming.ts";
import { findUpgrade, parseAddress, refuseChannel, type UpgradeSourceOptions } from "./upgrade-source.ts";

export interface UpgradesOptions extends UpgradeSourceOptions, NamingOptions {
  readonly store: EventStore;
}

/** A source whose manifest is at hand: nobody has to be asked for it. */
export type HeldSource = Exclude<ControlInstallSource, { readonly address: string }>;

/** Upgrades as such, installed or not. */
export function upgradesPort(options: UpgradesOptions): ControlPorts["upgrades"] {
  return {
    find: ({ source, channel }, signal) => findManifest(source, options, signal, channel),
    diff: async ({ before, after }, signal) => {
      const old = await sideFrom(before, options, signal);
      if (isRejection(old)) return old;
      const now = await sideFrom(after, options, signal);
      return isRejection(now) ? now : diffUpgrades(old, now);
    },
  };
}

/** What changes from one manifest at hand to another. Refusals: those of events and of `validateManifest`. */
export function diffHeld(before: HeldSource, after: HeldSource, schnorr: SchnorrVerify): UpgradeDiff | Rejection {
  const old = heldSide(before, schnorr);
  if (isRejection(old)) return old;
  const now = heldSide(after, schnorr);
  return isRejection(now) ? now : diffUpgrades(old, now);
}

function heldSide(source: HeldSource, schnorr: SchnorrVerify): UpgradeSide | Rejection {
  if ("manifest" in source) return sideOf(source.manifest);
  const event = verifyEvent(source.manifest_event, schnorr);
  if (isRejection(event)) return event;
  const listing = listingFrom(event);
  return isRejection(listing) ? listing : sideOf(listing.manifest);
}

async function sideFrom(
  source: ControlInstallSource,
  options: UpgradesOptions,
  signal: AbortSignal,
): Promise<UpgradeSide | Rejection> {
  const found = await findManifest(source, options, signal);
  return isRejection(found) ? found : sideOf(found.manifest);
}

export interface FoundManifest {
  readonly manifest: UpgradeManifest;
  /** Null where it is not signed. */
  readonly address: string | null;
}

/**
 * A manifest to look at, not to run: it need not be signed. Of a listing, the latest for followers of the channel that
 * is asked for, else of the one that its install follows, else of main; of what is named as an install, the one that is
 * installed. Refusals: those of `findUpgrade`,
 * channel_not_followed.
 */
export async function findManifest(
  given: ControlInstallSource,
  options: UpgradesOptions,
  signal: AbortSignal,
  asked?: InstallChannel,
): Promise<FoundManifest | Rejection> {
  const source = await sourceNamed(given, options, signal, { installed: asked === undefined });
  if (isRejection(source)) return source;
  if (!("address" in source)) {
    const side = heldSide(source, options.schnorr);
    if (isRejection(side)) return side;
    const { manifest, author } = side;
    return { manifest, address: "manifest" in source ? null : `${KINDS.manifest.kind}:${author}:${manifest.id}` };
  }
  const installed = source.version === undefined ? null : installedManifest(source.address, source.version, options);
  if (installed !== null) return installed;
  const channel = asked ?? channelOf(source, options.sql);
  const found = await findUpgrade(source, options, signal, channel);
  if (isRejection(found)) return found;
  // A version that was named is looked at whatever channel it is on.
  const unfollowed = source.version === undefined ? refuseChannel(source, channel, found) : null;
  return unfollowed ?? { manifest: found.listing.manifest, address: found.listing.address };
}

/** What is followed of the listing that is installed under this address. */
export function channelOf(source: ControlInstallSource, sql: Sql): InstallChannel {
  const address = "address" in source ? parseAddress(source.address) : null;
  if (address === null || isRejection(address)) return "main";
  return installOf(addressText(address), sql)?.channel ?? "main";
}

/** A version that relays have replaced by a newer one is still here where it is installed. */
function installedManifest(
  text: string,
  version: string,
  { sql, store }: UpgradesOptions,
): FoundManifest | null | Rejection {
  const address = parseAddress(text);
  if (isRejection(address)) return address;
  const listing = addressText(address);
  for (const { install_id, active, pending } of listInstalls(sql, { limit: LIMITS.api_page })) {
    const which = [active, pending].findIndex(
      (pins) => pins?.upgrade_address === listing && pins.upgrade_version === version,
    );
    if (which === -1) continue;
    const state = store.load(installDecider, install_id);
    const manifest = (which === 0 ? state.active : state.pending)?.manifest ?? null;
    if (manifest === null) return reject("not_found", `the manifest of ${listing} ${version} was deleted here`);
    return { manifest, address: listing };
  }
  return null;
}
