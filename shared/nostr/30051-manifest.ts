import { parseStrict } from "../core/json.ts";
import { LIMITS } from "../core/limits.ts";
import { manifestHash } from "../core/manifest-hash.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import type { UpgradeManifest } from "../generated/types.ts";
import validators from "../generated/validators.cjs";
import { addressOf, KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import { npubToHex } from "./npub.ts";
import { type EventTemplate, isLabelled, labelTags, tagValues } from "./template.ts";
import type { VerifiedEvent } from "./verify.ts";

/** An upgrade as its author listed it. */
export interface Listing {
  /** `30051:<author>:<id>`. */
  readonly address: string;
  readonly author: string;
  readonly event_id: string;
  readonly created_at: number;
  readonly manifest_sha256: string;
  readonly manifest: UpgradeManifest;
}

/**
 * The event of a manifest (kind 30051): the manifest without `signing` as content, its facts as tags. Keys in tags are
 * hex; the manifest is a valid one.
 */
export function toEvent(manifest: UpgradeManifest, options: { readonly created_at: number }): EventTemplate {
  const { signing: _, ...content } = manifest;
  const license = manifest.license;
  const { model, amount_sats = 0, revenue_split = [] } = manifest.pricing ?? { model: "free" };
  return {
    kind: KINDS.manifest.kind,
    created_at: options.created_at,
    content: JSON.stringify(content),
    tags: [
      ["d", manifest.id],
      ["version", manifest.version],
      ["v", manifest.version],
      ["x", manifestHash(manifest)],
      ...(manifest.tags ?? []).map((tag) => ["t", tag]),
      ...(manifest.categories ?? []).map((category) => ["c", category]),
      ...manifest.capabilities.backends.map((backend) => ["b", backend]),
      ...labelTags(KINDS.manifest),
      ...(license === undefined
        ? []
        : [
            ["L", "license"],
            ["l", license, "license"],
          ]),
      ["price", String(amount_sats), "SAT", ...(model === "per-month" ? ["month"] : [])],
      ...revenue_split.map(({ npub, bps }) => ["zap", npubToHex(npub) ?? "", "", String(bps)]),
      ["alt", `Agent upgrade: ${manifest.title} ${manifest.version}`],
    ],
  };
}

/**
 * The listing an event makes. Refusals: foreign_event (another application's use of the kind, or content that is no
 * manifest: dropped without noise), manifest_hash_mismatch, event_tag_mismatch, author_mismatch.
 */
export function fromEvent(event: VerifiedEvent): Listing | Rejection {
  if (!isLabelled(event, KINDS.manifest)) {
    return reject("foreign_event", `event ${event.id} is not labelled as an upgrade manifest`);
  }
  const parsed = parseStrict(event.content, { bytes: LIMITS.nostr_content_bytes });
  const manifest: unknown = isRejection(parsed) ? undefined : parsed.value;
  if (!validators.isUpgradeManifest(manifest)) {
    return reject("foreign_event", `the content of event ${event.id} is not an upgrade manifest`);
  }
  const hash = manifestHash(manifest);
  if (tagValue(event, "x") !== hash) {
    const stated = tagValue(event, "x") ?? "nothing";
    return reject(
      "manifest_hash_mismatch",
      `event ${event.id} states the manifest's hash as ${stated}, but it is ${hash}`,
    );
  }
  if (tagValue(event, "d") !== manifest.id) {
    return reject(
      "event_tag_mismatch",
      `event ${event.id} has d ${tagValue(event, "d")}, but its manifest's id is ${manifest.id}`,
    );
  }
  const versions = [...tagValues(event, "version"), ...tagValues(event, "v")];
  if (versions.length === 0 || versions.some((version) => version !== manifest.version)) {
    return reject(
      "event_tag_mismatch",
      `event ${event.id} has version ${versions.join(", ") || "nothing"}, but its manifest's is ${manifest.version}`,
    );
  }
  if (npubToHex(manifest.author.npub) !== event.pubkey) {
    return reject(
      "author_mismatch",
      `event ${event.id} is not signed by the author its manifest names, ${manifest.author.npub}`,
    );
  }
  return {
    address: addressOf(event),
    author: event.pubkey,
    event_id: event.id,
    created_at: event.created_at,
    manifest_sha256: hash,
    manifest,
  };
}

/** Manifests of our namespace, narrowed to authors, slugs or tags. */
export function filter(
  narrow: {
    readonly authors?: readonly string[];
    readonly ids?: readonly string[];
    readonly slugs?: readonly string[];
    readonly since?: number;
    readonly limit?: number;
  } = {},
) {
  const { slugs, ...rest } = narrow;
  return {
    kinds: [KINDS.manifest.kind],
    "#L": [LABEL_NAMESPACE],
    ...(slugs === undefined ? {} : { "#d": slugs }),
    ...rest,
  };
}
