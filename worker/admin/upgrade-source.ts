import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { compareSemver, parseSemver } from "@oa/shared/core/semver.ts";
import type { ControlInstallSource } from "@oa/shared/generated/types.ts";
import { chosenIn } from "@oa/shared/moderation/chosen.ts";
import { type Listing, fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import {
  type Channel,
  follows,
  isReleaseOf,
  type Release,
  fromEvent as releaseFrom,
  withCarried,
} from "@oa/shared/nostr/30052-release.ts";
import { KINDS, tagValue } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { isYanked, fromEvent as yankFrom } from "@oa/shared/nostr/yank.ts";
import { signPublication } from "@oa/shared/upgrade/publication.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";
import { decode } from "nostr-tools/nip19";
import type { KeyWitness } from "../loops/key-statements.ts";

/** One version of an upgrade, its two events verified and held against each other. */
export interface FoundUpgrade {
  readonly listing: Listing;
  readonly release: Release;
  readonly manifest_event: VerifiedEvent;
  readonly release_event: VerifiedEvent;
  /** What led from the author of what is installed to this one, where they are two. */
  readonly rotations?: readonly VerifiedEvent[];
}

/** Who lists what, and where its events were last seen. */
export interface ListingAddress {
  readonly author: string;
  readonly slug: string;
  readonly relays: readonly string[];
}

/** `moderators`: whose decisions apply, in place of those of the setting. */
export type LookUp = (
  address: ListingAddress,
  signal: AbortSignal,
  moderators?: readonly string[],
) => Promise<readonly unknown[] | Rejection>;

export interface UpgradeSourceOptions extends KeyWitness {
  /** The key that manifests on this machine are signed with, made when it is first needed. */
  readonly authorKey: () => Promise<Uint8Array>;
  /** Every signed event that may be of the listing or its releases, from the catalog or relays, not yet verified. */
  readonly lookUp: LookUp;
  readonly now_ms: () => number;
  readonly random: (count: number) => Uint8Array;
}

/**
 * Finds what is to be installed; of a listing, the latest version for followers of `channel`, if it has one. A manifest without signature is taken only if it is by this machine's own author key,
 * which then signs it; anybody else's must come signed. Refusals: usage, not_found, unsigned_manifest,
 * manifest_invalid, those of events.
 */
export async function findUpgrade(
  source: ControlInstallSource,
  options: UpgradeSourceOptions,
  signal: AbortSignal,
  channel: Channel = "main",
): Promise<FoundUpgrade | Rejection> {
  if ("manifest" in source) return signOwn(source.manifest, options);
  if ("address" in source) {
    const address = parseAddress(source.address);
    if (isRejection(address)) return address;
    const moderators = source.moderators === undefined ? undefined : chosenIn(source.moderators);
    if (isRejection(moderators)) return moderators;
    const events = await eventsOf(address, options, signal, moderators);
    return isRejection(events) ? events : inListing(address, events, source.version, channel);
  }
  const manifest_event = verifyEvent(source.manifest_event, options.schnorr);
  if (isRejection(manifest_event)) return manifest_event;
  if (source.release_event !== undefined) {
    const release_event = verifyEvent(source.release_event, options.schnorr);
    return isRejection(release_event) ? release_event : together(manifest_event, release_event);
  }
  const listing = listingFrom(manifest_event);
  if (isRejection(listing)) return listing;
  const address = { author: listing.author, slug: listing.manifest.id, relays: [] };
  const events = await eventsOf(address, options, signal);
  return isRejection(events) ? events : withRelease(manifest_event, events);
}

/** A listing's address as people write it. Refusal: usage. */
export function parseAddress(text: string): ListingAddress | Rejection {
  if (text.startsWith("naddr1")) {
    try {
      const { type, data } = decode(text as `naddr1${string}`);
      if (type === "naddr" && data.kind === KINDS.manifest.kind) {
        return { author: data.pubkey, slug: data.identifier, relays: data.relays ?? [] };
      }
    } catch {
      // Text that is no address is an answer here: the refusal below says so.
    }
  }
  const [, author, slug] = /^30051:([0-9a-f]{64}):([a-z0-9_.-]{1,128})$/.exec(text) ?? [];
  if (author !== undefined && slug !== undefined) return { author, slug, relays: [] };
  return reject("usage", `${text.slice(0, 200)} is not a listing's address (30051:<key>:<name> or naddr1…)`);
}

/** What an address stands for is its author's choice: only what is on a followed channel. Refusal: channel_not_followed. */
export function refuseChannel(
  source: ControlInstallSource,
  channel: Channel,
  { release }: FoundUpgrade,
): Rejection | null {
  if (!("address" in source) || follows(channel, release.channel)) return null;
  const message = `version ${release.version} is on the channel ${release.channel}, and you follow ${channel}`;
  return reject("channel_not_followed", `${message}; add --channel ${release.channel} to take it`);
}

async function eventsOf(
  address: ListingAddress,
  options: UpgradeSourceOptions,
  signal: AbortSignal,
  moderators?: readonly string[],
): Promise<readonly VerifiedEvent[] | Rejection> {
  const raw = await options.lookUp(address, signal, moderators);
  if (isRejection(raw)) return raw;
  // What does not verify, or is by somebody else, is not an answer.
  const events = raw.flatMap((value) => {
    const event = verifyEvent(value, options.schnorr);
    return isRejection(event) || event.pubkey !== address.author ? [] : [event];
  });
  return withCarried(events, options.schnorr);
}

/** Of a listing's events the version that is meant, else the latest on a followed channel. */
function inListing(
  address: ListingAddress,
  events: readonly VerifiedEvent[],
  version: string | undefined,
  channel: Channel,
): FoundUpgrade | Rejection {
  const manifests = events.filter(
    ({ kind, tags }) =>
      kind === KINDS.manifest.kind && tags.some(([name, value]) => name === "d" && value === address.slug),
  );
  const shown = newest(manifests);
  if (shown === undefined) {
    return reject("not_found", `there is no listing ${KINDS.manifest.kind}:${address.author}:${address.slug}`);
  }
  const versions = [...new Set(manifests.map(({ id }) => id))].flatMap((id) => {
    const manifest_event = manifests.find((event) => event.id === id);
    return manifest_event === undefined ? [] : [{ manifest_event, found: withRelease(manifest_event, events) }];
  });
  const whole = versions.flatMap(({ found }) => (isRejection(found) ? [] : [found]));
  if (version !== undefined) return ofVersion(version, versions, whole);
  const followed = whole.filter(({ release }) => follows(channel, release.channel));
  // Where nothing is for this channel, what the listing shows says why.
  return latest(followed) ?? versions.find(({ manifest_event }) => manifest_event === shown)?.found ?? NOTHING;
}

const NOTHING = reject("not_found", "no release of the listing was found");

interface Version {
  readonly manifest_event: VerifiedEvent;
  readonly found: FoundUpgrade | Rejection;
}

function ofVersion(
  version: string,
  versions: readonly Version[],
  whole: readonly FoundUpgrade[],
): FoundUpgrade | Rejection {
  const exact = whole.filter(({ listing }) => listing.manifest.version === version);
  const refused = versions.find(
    ({ manifest_event, found }) => isRejection(found) && tagValue(manifest_event, "version") === version,
  )?.found;
  const known = whole.map(({ listing }) => listing.manifest.version).join(", ") || "another version";
  return latest(exact) ?? refused ?? reject("not_found", `the listing is at version ${known}, not ${version}`);
}

/** The last by SemVer precedence; among equals the one that was signed last. */
function latest(found: readonly FoundUpgrade[]): FoundUpgrade | undefined {
  return [...found].sort((a, b) => {
    const [left, right] = [a, b].map(({ release }) => parseSemver(release.version));
    const order = left === undefined || right === undefined || isRejection(left) || isRejection(right);
    return (order ? 0 : compareSemver(right, left)) || b.release.created_at - a.release.created_at;
  })[0];
}

function withRelease(manifest_event: VerifiedEvent, events: readonly VerifiedEvent[]): FoundUpgrade | Rejection {
  const releases = events.filter(
    ({ kind, tags }) =>
      kind === KINDS.release.kind && tags.some(([name, id]) => name === "e" && id === manifest_event.id),
  );
  const release_event = newest(releases);
  if (release_event === undefined) {
    const [name, version] = ["d", "version"].map((tag) => tagValue(manifest_event, tag));
    const message = `no release of ${name} ${version} was found: its author took it back, or what was asked does not show it (manifest event ${manifest_event.id})`;
    return reject("not_found", message);
  }
  const found = together(manifest_event, release_event);
  return isRejection(found) ? found : (takenBack(found, events) ?? found);
}

/** Relays that do not obey a deletion still give the release. Refusal: release_yanked. */
function takenBack({ listing, release }: FoundUpgrade, events: readonly VerifiedEvent[]): Rejection | null {
  const pinned = {
    ...{ author_pubkey: listing.author, upgrade_address: listing.address, upgrade_id: listing.manifest.id },
    ...{ upgrade_version: listing.manifest.version, manifest_event_id: listing.event_id },
    ...{ release_event_id: release.event_id, released_at: release.created_at },
  };
  const yank = events.map(yankFrom).find((one) => one !== null && isYanked(one, pinned));
  if (yank === undefined || yank === null) return null;
  const why = yank.reason === "" ? "" : `: ${yank.reason}`;
  if (yank.revoked) return reject("key_revoked", `the author's key ${yank.author} was revoked by its holder${why}`);
  return reject("release_yanked", `version ${release.version} was taken back by its author${why}`);
}

function newest(events: readonly VerifiedEvent[]): VerifiedEvent | undefined {
  return [...events].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1))[0];
}

function together(manifest_event: VerifiedEvent, release_event: VerifiedEvent): FoundUpgrade | Rejection {
  const listing = listingFrom(manifest_event);
  if (isRejection(listing)) return listing;
  const release = releaseFrom(release_event);
  if (isRejection(release)) return release;
  if (!isReleaseOf(release, listing)) {
    return reject("event_tag_mismatch", `release ${release.address} was not made from the listing's present manifest`);
  }
  const report = validateManifest(listing.manifest);
  if (!report.valid) return invalid(report.errors);
  return { listing, release, manifest_event, release_event };
}

function invalid(errors: ReturnType<typeof validateManifest>["errors"]): Rejection {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return reject(first?.code ?? "schema_invalid", `the manifest is not valid: ${first?.message}${more}`, { errors });
}

/** Signs a manifest of this machine's author as publishing it would, without publishing it. */
async function signOwn(value: object, options: UpgradeSourceOptions): Promise<FoundUpgrade | Rejection> {
  const report = validateManifest(value);
  if (report.manifest === null) return invalid(report.errors);
  const { manifest } = report;
  const key = await options.authorKey();
  const author = publicKeyOf(key);
  if (manifest.author.npub !== hexToNpub(author)) {
    return reject(
      "unsigned_manifest",
      `the manifest is by ${manifest.author.npub} and carries no signature; install its signed event, or its listing`,
    );
  }
  const signed = signPublication(manifest, {
    secret_key: key,
    notes: "",
    channel: "dev",
    created_at: Math.floor(options.now_ms() / 1000),
    random: options.random,
  });
  if (isRejection(signed)) return signed;
  const manifest_event = verifyEvent(signed.manifest_event, options.schnorr);
  if (isRejection(manifest_event)) return manifest_event;
  const release_event = verifyEvent(signed.release_event, options.schnorr);
  return isRejection(release_event) ? release_event : together(manifest_event, release_event);
}
