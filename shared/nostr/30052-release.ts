import { canonicalize, parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { ReleaseContent, UpgradeManifest } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import type { Listing } from "./30051-manifest.ts";
import { addressOf, KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import { type EventTemplate, isLabelled, labelTags } from "./template.ts";
import { isHex32, type NostrEvent, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "./verify.ts";

export const CHANNELS = ["main", "beta", "nightly", "dev"] as const;
export type Channel = (typeof CHANNELS)[number];

/** Whether one who follows a channel takes releases of another: its own and all steadier ones. */
export function follows(followed: Channel, offered: Channel): boolean {
  return CHANNELS.indexOf(offered) <= CHANNELS.indexOf(followed);
}

/** One version of an upgrade, pinned to the manifest event and hash it was made from. */
export interface Release {
  /** `30052:<author>:<slug>@<version>`. */
  readonly address: string;
  readonly author: string;
  readonly event_id: string;
  readonly created_at: number;
  /** `30051:<author>:<slug>`. */
  readonly listing: string;
  readonly slug: string;
  readonly version: string;
  readonly channel: Channel;
  readonly manifest_event_id: string;
  readonly manifest_sha256: string;
  readonly notes: string;
  readonly artifacts: NonNullable<ReleaseContent["artifacts"]>;
  /** The manifest event it carries, which is not verified; null where the listing holds it. */
  readonly manifest_event: NostrEvent | null;
}

/**
 * The event of a release (kind 30052): notes, artifacts and, where the listing is not to show this version, the manifest
 * event as content.
 */
export function toEvent(
  manifest: UpgradeManifest,
  options: {
    readonly author: string;
    readonly manifest_event_id: string;
    readonly manifest_sha256: string;
    readonly notes: string;
    readonly channel: Channel;
    readonly created_at: number;
    readonly manifest_event?: NostrEvent | null;
  },
): EventTemplate {
  const { id, version } = manifest;
  const { notes, manifest_event } = options;
  const carried = manifest_event == null ? {} : { manifest_event };
  const content = { notes, artifacts: manifest.artifacts ?? [], ...carried };
  return {
    kind: KINDS.release.kind,
    created_at: options.created_at,
    content: JSON.stringify(content),
    tags: [
      ["d", `${id}@${version}`],
      ["i", id],
      ["version", version],
      ["v", version],
      ["a", `${KINDS.manifest.kind}:${options.author}:${id}`],
      ["e", options.manifest_event_id],
      ["x", options.manifest_sha256],
      ["channel", options.channel],
      ...labelTags(KINDS.release),
      ["alt", `Release ${version} of the agent upgrade ${manifest.title}`],
    ],
  };
}

/** The release an event makes. Refusals: foreign_event (dropped without noise), event_tag_mismatch, author_mismatch. */
export function fromEvent(event: VerifiedEvent): Release | Rejection {
  if (!isLabelled(event, KINDS.release)) {
    return reject("foreign_event", `event ${event.id} is not labelled as an upgrade release`);
  }
  const parsed = parseStrict(event.content, { bytes: LIMITS.nostr_content_bytes });
  const content: unknown = isRejection(parsed) ? undefined : parsed.value;
  if (!validators.isReleaseContent(content)) {
    return reject("foreign_event", `the content of event ${event.id} is not that of a release`);
  }
  const mismatch = (why: string): Rejection => reject("event_tag_mismatch", `release event ${event.id}: ${why}`);
  const slug = tagValue(event, "i");
  const version = tagValue(event, "version") ?? tagValue(event, "v");
  if (slug === undefined || version === undefined) return mismatch("it lacks the tag i or version");
  if ((tagValue(event, "v") ?? version) !== version) return mismatch("its tags version and v differ");
  if (tagValue(event, "d") !== `${slug}@${version}`) return mismatch(`its d is not ${slug}@${version}`);
  const [kind, author, ...rest] = (tagValue(event, "a") ?? "").split(":");
  if (kind !== String(KINDS.manifest.kind) || rest.join(":") !== slug)
    return mismatch("its a is not its listing's address");
  if (author !== event.pubkey)
    return reject("author_mismatch", `release event ${event.id} is not by its listing's author`);
  const manifest_event_id = tagValue(event, "e");
  const manifest_sha256 = tagValue(event, "x");
  if (!isHex32(manifest_event_id) || !isHex32(manifest_sha256)) return mismatch("its e or x is not 64 hex digits");
  if (content.manifest_event !== undefined && content.manifest_event.id !== manifest_event_id) {
    return mismatch("it carries another manifest event than its e names");
  }
  const channel = CHANNELS.find((name) => name === (tagValue(event, "channel") ?? "main"));
  if (channel === undefined) return mismatch(`its channel is not one of ${CHANNELS.join(", ")}`);
  return {
    address: addressOf(event),
    author,
    event_id: event.id,
    created_at: event.created_at,
    listing: `${kind}:${author}:${slug}`,
    slug,
    version,
    channel,
    manifest_event_id,
    manifest_sha256,
    notes: content.notes,
    artifacts: content.artifacts ?? [],
    manifest_event: content.manifest_event ?? null,
  };
}

/** Whether a release was made from exactly this manifest event: its id, hash, version and artifacts. */
export function isReleaseOf(release: Release, listing: Listing): boolean {
  return (
    release.listing === listing.address &&
    release.manifest_event_id === listing.event_id &&
    release.manifest_sha256 === listing.manifest_sha256 &&
    release.version === listing.manifest.version &&
    canonicalize(release.artifacts) === canonicalize(listing.manifest.artifacts ?? [])
  );
}

/** Verified events, and with them the manifest events that releases among them carry, where those verify too. */
export function withCarried(events: readonly VerifiedEvent[], schnorr: SchnorrVerify): readonly VerifiedEvent[] {
  const carried = events.flatMap((event) => {
    const release = event.kind === KINDS.release.kind ? fromEvent(event) : null;
    if (release === null || isRejection(release) || release.manifest_event === null) return [];
    const manifest_event = verifyEvent(release.manifest_event, schnorr);
    return isRejection(manifest_event) ? [] : [manifest_event];
  });
  return [...events, ...carried];
}

/** Releases of our namespace, narrowed to listings. */
export function filter(
  narrow: {
    readonly listings?: readonly string[];
    readonly authors?: readonly string[];
    readonly ids?: readonly string[];
    readonly since?: number;
    readonly limit?: number;
  } = {},
) {
  const { listings, ...rest } = narrow;
  return {
    kinds: [KINDS.release.kind],
    "#L": [LABEL_NAMESPACE],
    ...(listings === undefined ? {} : { "#a": listings }),
    ...rest,
  };
}
