import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlInstallSource } from "@oa/shared/generated/types.ts";
import {
  type Listing,
  filter as listingFilter,
  fromEvent as listingFrom,
  toEvent as listingTo,
} from "@oa/shared/nostr/30051-manifest.ts";
import {
  type Release,
  filter as releaseFilter,
  fromEvent as releaseFrom,
  toEvent as releaseTo,
} from "@oa/shared/nostr/30052-release.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { publicKeyOf, signEvent } from "@oa/shared/nostr/template.ts";
import { type NostrEvent, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";
import { decode } from "nostr-tools/nip19";

/** One version of an upgrade, its two events verified and held against each other. */
export interface FoundUpgrade {
  readonly listing: Listing;
  readonly release: Release;
  readonly manifest_event: VerifiedEvent;
  readonly release_event: VerifiedEvent;
}

export interface UpgradeSourceOptions {
  readonly schnorr: SchnorrVerify;
  /** The key that manifests on this machine are signed with, made when it is first needed. */
  readonly authorKey: () => Promise<Uint8Array>;
  /** Asks relays: those named by an address, and the worker's own. */
  readonly query: (
    filters: readonly Readonly<Record<string, unknown>>[],
    relays: readonly string[],
    signal: AbortSignal,
  ) => Promise<readonly VerifiedEvent[] | Rejection>;
  readonly now_ms: () => number;
  readonly random: (count: number) => Uint8Array;
}

/**
 * Finds what is to be installed. A manifest without signature is taken only if it is by this machine's own author key,
 * which then signs it; anybody else's must come signed. Refusals: usage, not_found, unsigned_manifest,
 * manifest_invalid, those of events.
 */
export async function findUpgrade(
  source: ControlInstallSource,
  options: UpgradeSourceOptions,
  signal: AbortSignal,
): Promise<FoundUpgrade | Rejection> {
  if ("address" in source) return lookUp(source.address, source.version, options, signal);
  if ("manifest" in source) return signOwn(source.manifest, options);
  const manifest_event = verifyEvent(source.manifest_event, options.schnorr);
  if (isRejection(manifest_event)) return manifest_event;
  if (source.release_event === undefined) {
    const listing = listingFrom(manifest_event);
    if (isRejection(listing)) return listing;
    return lookUpRelease(listing, manifest_event, listing.manifest.version, options, [], signal);
  }
  const release_event = verifyEvent(source.release_event, options.schnorr);
  return isRejection(release_event) ? release_event : together(manifest_event, release_event);
}

function parseAddress(text: string) {
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

async function lookUp(
  text: string,
  version: string | undefined,
  options: UpgradeSourceOptions,
  signal: AbortSignal,
): Promise<FoundUpgrade | Rejection> {
  const address = parseAddress(text);
  if (isRejection(address)) return address;
  const { author, slug, relays } = address;
  const events = await options.query([listingFilter({ authors: [author], slugs: [slug], limit: 1 })], relays, signal);
  if (isRejection(events)) return events;
  const manifest_event = newest(events.filter((event) => event.pubkey === author));
  if (manifest_event === undefined) {
    return reject("not_found", `no relay of this worker has the listing ${text.slice(0, 200)}`);
  }
  const listing = listingFrom(manifest_event);
  if (isRejection(listing)) return listing;
  if (version !== undefined && version !== listing.manifest.version) {
    return reject("not_found", `the listing is at version ${listing.manifest.version}, not ${version}`);
  }
  return lookUpRelease(listing, manifest_event, listing.manifest.version, options, relays, signal);
}

async function lookUpRelease(
  listing: Listing,
  manifest_event: VerifiedEvent,
  version: string,
  options: UpgradeSourceOptions,
  relays: readonly string[],
  signal: AbortSignal,
): Promise<FoundUpgrade | Rejection> {
  const filter = releaseFilter({ authors: [listing.author], listings: [listing.address] });
  const events = await options.query([filter], relays, signal);
  if (isRejection(events)) return events;
  const pinned = events.filter(({ tags }) => tags.some(([name, id]) => name === "e" && id === manifest_event.id));
  const release_event = newest(pinned);
  if (release_event === undefined) {
    return reject("not_found", `no relay of this worker has the release of ${listing.address} ${version}`);
  }
  return together(manifest_event, release_event);
}

function newest(events: readonly VerifiedEvent[]): VerifiedEvent | undefined {
  return [...events].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1))[0];
}

function together(manifest_event: VerifiedEvent, release_event: VerifiedEvent): FoundUpgrade | Rejection {
  const listing = listingFrom(manifest_event);
  if (isRejection(listing)) return listing;
  const release = releaseFrom(release_event);
  if (isRejection(release)) return release;
  const same =
    release.listing === listing.address &&
    release.manifest_event_id === listing.event_id &&
    release.manifest_sha256 === listing.manifest_sha256 &&
    release.version === listing.manifest.version;
  if (!same) {
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
  const created_at = Math.floor(options.now_ms() / 1000);
  const sign = (template: Parameters<typeof signEvent>[0]): NostrEvent => signEvent(template, key, options.random(32));
  const manifest_event = verifyEvent(sign(listingTo(manifest, { created_at })), options.schnorr);
  if (isRejection(manifest_event)) return manifest_event;
  const listing = listingFrom(manifest_event);
  if (isRejection(listing)) return listing;
  const { event_id: manifest_event_id, manifest_sha256 } = listing;
  const release = { author, manifest_event_id, manifest_sha256, notes: "", channel: "dev", created_at } as const;
  const release_event = verifyEvent(sign(releaseTo(manifest, release)), options.schnorr);
  return isRejection(release_event) ? release_event : together(manifest_event, release_event);
}
