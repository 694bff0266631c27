import { manifestHash } from "../core/manifest-hash.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import { toEvent as listingEvent } from "../nostr/30051-manifest.ts";
import { type Channel, toEvent as releaseEvent } from "../nostr/30052-release.ts";
import { addressOf } from "../nostr/kinds.ts";
import { hexToNpub, npubToHex } from "../nostr/npub.ts";
import { publicKeyOf, signEvent } from "../nostr/template.ts";
import type { NostrEvent } from "../nostr/verify.ts";

/** A manifest and its release, signed and ready for relays, manifest first. */
export interface Publication {
  readonly address: string;
  readonly manifest_sha256: string;
  readonly manifest_event: NostrEvent;
  readonly release_event: NostrEvent;
}

/**
 * Signs a valid manifest and its release with the author's key. `random` gives fresh random bytes. Refusal:
 * author_mismatch, where the manifest names another author.
 */
export function signPublication(
  manifest: UpgradeManifest,
  options: {
    readonly secret_key: Uint8Array;
    readonly notes: string;
    readonly channel: Channel;
    readonly created_at: number;
    readonly random: (bytes: number) => Uint8Array;
  },
): Publication | Rejection {
  const { secret_key, notes, channel, created_at, random } = options;
  const author = publicKeyOf(secret_key);
  if (npubToHex(manifest.author.npub) !== author) {
    return reject(
      "author_mismatch",
      `the manifest's author is ${manifest.author.npub}, but the key signs as ${hexToNpub(author)}`,
    );
  }
  const manifest_sha256 = manifestHash(manifest);
  const manifest_event = signEvent(listingEvent(manifest, { created_at }), secret_key, random(32));
  const release = { author, manifest_event_id: manifest_event.id, manifest_sha256, notes, channel, created_at };
  const release_event = signEvent(releaseEvent(manifest, release), secret_key, random(32));
  return { address: addressOf(manifest_event), manifest_sha256, manifest_event, release_event };
}
