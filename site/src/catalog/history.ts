import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { type Release, fromEvent as releaseFrom } from "@oa/shared/nostr/30052-release.ts";
import type { NostrEvent, VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { diffUpgrades } from "@oa/shared/upgrade/diff.ts";
import { sideOf } from "@oa/shared/upgrade/side.ts";

/** A release as its listing's page shows it. */
export interface PastRelease {
  readonly release: Release;
  /** It is the version that the listing shows. */
  readonly current: boolean;
  /** What the listing's version changes for an owner of this one, in sentences; null where its manifest is not kept. */
  readonly changes: readonly string[] | null;
}

/** Every release that the catalog keeps, latest first. The mirror has verified their events. */
export function historyOf(detail: CatalogDetail, manifest: UpgradeManifest): readonly PastRelease[] {
  const { listing, release_events, older_release_events = [] } = detail;
  return [...release_events, ...older_release_events]
    .flatMap((raw) => {
      const release = releaseFrom(raw as NostrEvent as VerifiedEvent);
      return isRejection(release) ? [] : [release];
    })
    .sort((a, b) => b.created_at - a.created_at || (a.address < b.address ? -1 : 1))
    .map((release) => {
      const current = release.manifest_event_id === listing.event_id && release.version === listing.version;
      return { release, current, changes: current ? null : changesSince(release, manifest) };
    });
}

function changesSince(release: Release, now: UpgradeManifest): readonly string[] | null {
  if (release.manifest_event === null) return null;
  let past: UpgradeManifest;
  try {
    past = JSON.parse(release.manifest_event.content) as UpgradeManifest;
    // The release is signed and names the manifest's hash, so the manifest needs no signature of its own.
    if (manifestHash(past) !== release.manifest_sha256) return null;
  } catch {
    return null; // not the manifest that was released, so there is nothing to compare
  }
  const [before, after] = [sideOf(past), sideOf(now)];
  if (isRejection(before) || isRejection(after)) return null;
  const { widened, narrowed, changed } = diffUpgrades(before, after);
  return [...widened, ...narrowed, ...changed].map(({ sentence }) => sentence);
}
