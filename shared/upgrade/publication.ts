import { LIMITS } from "../core/limits.ts";
import { manifestHash } from "../core/manifest-hash.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { toEvent as listingEvent } from "../nostr/30051-manifest.ts";
import { type Channel, toEvent as releaseEvent } from "../nostr/30052-release.ts";
import { addressOf } from "../nostr/kinds.ts";
import { hexToNpub, npubToHex } from "../nostr/npub.ts";
import { type EventTemplate, publicKeyOf, signEvent } from "../nostr/template.ts";
import type { NostrEvent } from "../nostr/verify.ts";
import type { ManifestReport } from "./validate.ts";

/** A manifest and its release, signed and ready for relays, manifest first. */
export interface Publication {
  readonly address: string;
  readonly manifest_sha256: string;
  readonly manifest_event: NostrEvent;
  readonly release_event: NostrEvent;
}

/** What is said of a release beside its manifest. */
export interface ReleaseNotes {
  readonly notes: string;
  readonly channel: Channel;
}

/**
 * Null where a manifest asks for everything its pipeline needs and pins every artifact; else why it is not published:
 * what an owner reads in the listing would be less than what consent shows. Refusals: permission_undeclared with
 * `under_ask`, artifact_unpinned.
 */
export function refuseIncomplete({ manifest, under_ask }: ManifestReport): Rejection | null {
  if (under_ask.length > 0) {
    const message = `the pipeline needs what the manifest's permissions do not name: ${under_ask.join(", ")}`;
    return reject("permission_undeclared", message, { under_ask });
  }
  const loose = (manifest?.artifacts ?? []).find(({ sha256, bytes }) => sha256 === undefined || bytes === undefined);
  if (loose === undefined) return null;
  return reject(
    "artifact_unpinned",
    `the artifact ${loose.url} has no sha256 or no bytes; give the folder that holds it with --artifacts`,
  );
}

/** The event of a valid manifest, to be signed by `author`. Refusal: author_mismatch, where it names another one. */
export function draftManifest(
  manifest: UpgradeManifest,
  options: { readonly author: string; readonly created_at: number },
): EventTemplate | Rejection {
  const { author, created_at } = options;
  if (npubToHex(manifest.author.npub) === author) return listingEvent(manifest, { created_at });
  return reject(
    "author_mismatch",
    `the manifest's author is ${manifest.author.npub}, but the key signs as ${hexToNpub(author)}`,
  );
}

/** The release of a signed manifest event, to be signed by the same key. Refusal: too_large. */
export function draftRelease(
  manifest: UpgradeManifest,
  manifest_event: NostrEvent,
  { notes, channel }: ReleaseNotes,
): EventTemplate | Rejection {
  const template = releaseEvent(manifest, {
    author: manifest_event.pubkey,
    manifest_event_id: manifest_event.id,
    manifest_sha256: manifestHash(manifest),
    manifest_event: channel === "main" ? null : manifest_event,
    ...{ notes, channel, created_at: manifest_event.created_at },
  });
  if (template.content.length <= LIMITS.nostr_content_bytes / 2) return template;
  return reject("too_large", `the release has ${template.content.length} characters, more than an event may carry`);
}

/**
 * Signs a valid manifest and its release with a key at hand. `random` gives fresh random bytes. Refusals: those of
 * `draftManifest` and `draftRelease`.
 */
export function signPublication(
  manifest: UpgradeManifest,
  options: ReleaseNotes & {
    readonly secret_key: Uint8Array;
    readonly created_at: number;
    readonly random: (bytes: number) => Uint8Array;
  },
): Publication | Rejection {
  const { secret_key, created_at, random } = options;
  const listing = draftManifest(manifest, { author: publicKeyOf(secret_key), created_at });
  if (isRejection(listing)) return listing;
  const manifest_event = signEvent(listing, secret_key, random(32));
  const release = draftRelease(manifest, manifest_event, options);
  if (isRejection(release)) return release;
  const release_event = signEvent(release, secret_key, random(32));
  return {
    address: addressOf(manifest_event),
    manifest_sha256: manifestHash(manifest),
    manifest_event,
    release_event,
  };
}
