import { LIMITS } from "@oa/shared/core/limits.ts";
import { manifestHash } from "@oa/shared/core/manifest-hash.ts";
import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { type Channel, follows, fromEvent as releaseFrom } from "@oa/shared/nostr/30052-release.ts";
import { addressOf, KINDS, tagValue } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { draftManifest, draftRelease, type ReleaseNotes, refuseIncomplete } from "@oa/shared/upgrade/publication.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";
import { naddrEncode } from "nostr-tools/nip19";
import { openRelayPool, type RelayAnswer, type RelayPool } from "../adapters/relay-pool.ts";
import { loadSchnorr } from "../adapters/schnorr.ts";
import type { Signer } from "../adapters/signer.ts";
import { type Compliance, refuseManifest } from "../engine/compliance.ts";
import { type OwnGate, publishOwn } from "../engine/own-publish.ts";

export interface PublishedUpgrade {
  readonly address: string;
  readonly naddr: string;
  readonly author: string;
  readonly channel: Channel;
  readonly manifest_event_id: string;
  readonly release_event_id: string;
  readonly manifest_sha256: string;
  /** Whether the listing shows this version now; else it goes on showing that of a steadier channel. */
  readonly listed: boolean;
  /** Asked for, but not needed by anything in the pipeline. */
  readonly over_ask: readonly string[];
  /** Accepted: everything that was sent was acknowledged. */
  readonly relays: readonly { readonly relay: string; readonly accepted: boolean; readonly message: string }[];
}

export interface PublishOptions extends ReleaseNotes {
  /** Asked for once nothing stands against publishing: a signer may have to be woken. It is closed here. */
  readonly signer: () => Promise<Signer | Rejection>;
  readonly compliance: Pick<Compliance, "manifest">;
  readonly author_from_key: boolean;
  readonly relays: readonly string[];
  readonly gate: OwnGate;
  readonly signal: AbortSignal;
}

/**
 * Signs a valid manifest and its release and sends both, the manifest first. Refusals: those of `refuseIncomplete`,
 * `refuseManifest` and `publishOwn`, author_mismatch, too_large. Faults: those of the signer, and relay_unreachable where another channel's listing must
 * not be replaced and no relay says whether there is one.
 */
export async function publishUpgrade(
  given: UpgradeManifest,
  options: PublishOptions,
): Promise<PublishedUpgrade | Rejection> {
  const report = validateManifest(given);
  const refused = refuseIncomplete(report) ?? (await refuseManifest(options.compliance, given, {}));
  if (refused !== null) return refused;
  const signer = await options.signer();
  if (isRejection(signer)) return signer;
  try {
    const answer = await signAndSend(given, signer, options);
    return isRejection(answer) ? answer : { ...answer, over_ask: report.over_ask };
  } finally {
    signer.close();
  }
}

async function signAndSend(
  given: UpgradeManifest,
  signer: Signer,
  options: PublishOptions,
): Promise<Omit<PublishedUpgrade, "over_ask"> | Rejection> {
  const { relays, channel, gate, signal } = options;
  const author = signer.public_key;
  const manifest = options.author_from_key ? { ...given, author: { ...given.author, npub: hexToNpub(author) } } : given;
  const listing = draftManifest(manifest, { author, created_at: Math.floor(Date.now() / 1000) });
  if (isRejection(listing)) return listing;
  const manifest_event = await signer.sign(listing);
  const release = draftRelease(manifest, manifest_event, options);
  if (isRejection(release)) return release;
  const release_event = await signer.sign(release);
  const pool = openRelayPool({ schnorr: await loadSchnorr() });
  try {
    const listed = channel === "main" || follows(await listedChannel(author, manifest.id, pool, options), channel);
    const answers: (readonly RelayAnswer[])[] = [];
    for (const event of listed ? [manifest_event, release_event] : [release_event]) {
      const said = await publishOwn(event, relays, "command/publish", { ...gate, pool }, signal);
      if (isRejection(said)) return said;
      answers.push(said);
    }
    return {
      address: addressOf(manifest_event),
      naddr: naddrEncode({ kind: KINDS.manifest.kind, pubkey: author, identifier: manifest.id, relays: [...relays] }),
      ...{ author, channel, listed, manifest_event_id: manifest_event.id, release_event_id: release_event.id },
      manifest_sha256: manifestHash(manifest),
      relays: relays.map((relay) => {
        const all = answers.map((some) => some.find((answer) => answer.relay === relay));
        const refusal = all.find((answer) => answer?.accepted !== true);
        return { relay, accepted: refusal === undefined && all.length > 0, message: refusal?.message ?? "" };
      }),
    };
  } finally {
    pool.close();
  }
}

/**
 * The channel of the version that the listing shows: what followers of it get must stay where it is. The least steady
 * one where there is no listing yet, which any release may make. Fault: relay_unreachable.
 */
async function listedChannel(
  author: string,
  slug: string,
  pool: RelayPool,
  { relays, signal }: PublishOptions,
): Promise<Channel> {
  const address = `${KINDS.manifest.kind}:${author}:${slug}`;
  const filters = [
    { kinds: [KINDS.manifest.kind], authors: [author], "#d": [slug] },
    { kinds: [KINDS.release.kind], authors: [author], "#a": [address] },
  ];
  const events = await pool.query(relays, filters, { timeout_ms: LIMITS.publish_timeout_ms, signal });
  const [shown] = events
    .filter(({ kind }) => kind === KINDS.manifest.kind)
    .sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
  if (shown === undefined) return "dev";
  const release = events.find((event) => event.kind === KINDS.release.kind && tagValue(event, "e") === shown.id);
  const read = release === undefined ? null : releaseFrom(release);
  return read === null || isRejection(read) ? "main" : read.channel;
}
