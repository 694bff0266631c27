import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { InstallConfig, InstallOrder } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { type Listing, fromEvent as listingFrom } from "./30051-manifest.ts";
import { isReleaseOf, type Release, fromEvent as releaseFrom } from "./30052-release.ts";
import { unwrap, type WrapOptions, wrap } from "./gift-wrap.ts";
import { KINDS, tagValue } from "./kinds.ts";
import type { EventTemplate } from "./template.ts";
import { type NostrEvent, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "./verify.ts";

/** An order that was opened: by whom, what, and the events it brought along. */
export interface OpenedConfig {
  readonly config: InstallConfig;
  /** The signed event inside: its pubkey is the signer. */
  readonly event: VerifiedEvent;
  /** The listing and release an install order embeds, checked against it; null where the worker must fetch them. */
  readonly upgrade: { readonly listing: Listing; readonly release: Release } | null;
}

/** The inner event (kind 24051), which the signer signs and which never travels in the clear. */
export function toEvent(config: InstallConfig): EventTemplate {
  return {
    kind: KINDS.install_config.kind,
    created_at: config.issued_at,
    tags: [["p", config.worker]],
    content: JSON.stringify(config),
  };
}

/**
 * Seals a signed inner event to its worker: a gift wrap (NIP-59, kind 1059) by a one-time key, NIP-44 inside. The same
 * event goes to relays and to the mailbox. `nonce` and `aux_random` are 32 fresh random bytes each. Refusal: too_large.
 */
export function seal(inner: NostrEvent, worker: string, options: WrapOptions): NostrEvent | Rejection {
  const text = JSON.stringify(inner);
  if (text.length > LIMITS.install_config_chars) {
    return reject(
      "too_large",
      `the install config has ${text.length} characters and at most ${LIMITS.install_config_chars} fit; leave out the events it embeds`,
    );
  }
  return wrap(inner, worker, options);
}

/**
 * Opens a gift wrap that may hold an install config. Whether its signer is paired and its revision fresh is for the
 * install's rules. Refusals: wrong_recipient, config_unreadable, foreign_event (a gift wrap of another kind: dropped
 * without noise), those of `verifyEvent`, schema_invalid, config_signer, config_expired, those of `matchUpgrade`.
 */
export function open(
  wrap: VerifiedEvent,
  options: {
    readonly secret_key: Uint8Array;
    readonly worker: string;
    readonly now_s: number;
    readonly schnorr: SchnorrVerify;
  },
): OpenedConfig | Rejection {
  const { worker, now_s, schnorr } = options;
  if (wrap.kind !== KINDS.gift_wrap.kind || tagValue(wrap, "p") !== worker) {
    return reject("wrong_recipient", `event ${wrap.id} is not sealed to this worker`);
  }
  const inner = unwrap(wrap, options);
  if (isRejection(inner)) return inner;
  if (inner.kind !== KINDS.install_config.kind) {
    return reject("foreign_event", `event ${wrap.id} holds kind ${inner.kind}, not an install config`);
  }
  const config = parseStrict(inner.content);
  if (isRejection(config)) return config;
  if (!validators.isInstallConfig(config.value)) {
    return reject("schema_invalid", `install config ${inner.id} does not keep its schema`);
  }
  const wrong = checkConfig(config.value, inner, worker, now_s);
  if (wrong !== null) return wrong;
  const upgrade = embeddedUpgrade(config.value, schnorr);
  return isRejection(upgrade) ? upgrade : { config: config.value, event: inner, upgrade };
}

function checkConfig(config: InstallConfig, inner: VerifiedEvent, worker: string, now_s: number): Rejection | null {
  if (config.worker !== worker)
    return reject("wrong_recipient", `install config ${inner.id} is for worker ${config.worker}`);
  if (config.signer !== inner.pubkey) {
    return reject(
      "config_signer",
      `install config ${inner.id} names ${config.signer} as signer, but ${inner.pubkey} signed it`,
    );
  }
  const age_max_s = LIMITS.install_config_days * 86_400;
  if (config.expires_at <= now_s || config.issued_at < now_s - age_max_s) {
    return reject("config_expired", `install config ${inner.id} expired`);
  }
  if (config.issued_at > now_s + LIMITS.nostr_ahead_s || config.expires_at <= config.issued_at) {
    return reject("event_in_future", `install config ${inner.id} was issued in the future`);
  }
  return null;
}

function embeddedUpgrade(config: InstallConfig, schnorr: SchnorrVerify): OpenedConfig["upgrade"] | Rejection {
  if (config.action !== "install" || config.manifest_event === undefined || config.release_event === undefined)
    return null;
  const manifest = verifyEvent(config.manifest_event, schnorr);
  if (isRejection(manifest)) return manifest;
  const release = verifyEvent(config.release_event, schnorr);
  return isRejection(release) ? release : matchUpgrade(config, manifest, release);
}

/**
 * The listing and release of an install order, from the order itself or fetched by id, held against what it pins.
 * Refusals: event_id_mismatch, manifest_hash_mismatch, event_tag_mismatch, those of both events.
 */
export function matchUpgrade(
  order: Pick<InstallOrder, "listing" | "manifest_event_id" | "release_event_id" | "manifest_sha256">,
  manifest_event: VerifiedEvent,
  release_event: VerifiedEvent,
): { readonly listing: Listing; readonly release: Release } | Rejection {
  if (manifest_event.id !== order.manifest_event_id || release_event.id !== order.release_event_id) {
    return reject("event_id_mismatch", "the events are not those that the install config names");
  }
  const listing = listingFrom(manifest_event);
  if (isRejection(listing)) return listing;
  const release = releaseFrom(release_event);
  if (isRejection(release)) return release;
  if (listing.manifest_sha256 !== order.manifest_sha256 || release.manifest_sha256 !== order.manifest_sha256) {
    return reject(
      "manifest_hash_mismatch",
      `the install config approves manifest ${order.manifest_sha256}, but the listing has ${listing.manifest_sha256} and the release ${release.manifest_sha256}`,
    );
  }
  if (listing.address !== order.listing || !isReleaseOf(release, listing)) {
    return reject(
      "event_tag_mismatch",
      `listing ${order.listing}, its manifest and its release do not belong together`,
    );
  }
  return { listing, release };
}

/** Gift wraps for one worker. */
export function filter(worker: string, narrow: { readonly since?: number; readonly limit?: number } = {}) {
  return { kinds: [KINDS.gift_wrap.kind], "#p": [worker], ...narrow };
}
