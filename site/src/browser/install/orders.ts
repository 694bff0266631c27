import { declaredSentences } from "@oa/shared/api/consent.ts";
import { newId, type RandomBytes } from "@oa/shared/core/id.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Permission, permissionHash, permits } from "@oa/shared/core/permission.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type {
  CatalogDetail,
  InputValue,
  InstallChange,
  InstallOrder,
  UpgradeSchedule,
} from "@oa/shared/generated/types.ts";
import { type Listing, fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { isReleaseOf, type Release, fromEvent as releaseFrom, withCarried } from "@oa/shared/nostr/30052-release.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { sentenceOf } from "@oa/shared/upgrade/consent.ts";
import { type Plan, planOf } from "@oa/shared/upgrade/plan.ts";
import { validateManifest } from "@oa/shared/upgrade/validate.ts";
import type { KnownInstall } from "./kept.ts";

/** A listing that was checked event by event, with the release to install. */
export interface CheckedUpgrade {
  readonly listing: Listing;
  readonly release: Release;
  readonly manifest_event: VerifiedEvent;
  readonly release_event: VerifiedEvent;
}

/**
 * What a catalog says of a listing, believed only as far as its author signed it. Refusals: those of both events;
 * not_found where no release of the main channel can be installed; author_mismatch for another listing than was asked.
 */
export function checkUpgrade(detail: CatalogDetail, address: string): CheckedUpgrade | Rejection {
  const manifest_event = verifyEvent(detail.event, pureSchnorr);
  if (isRejection(manifest_event)) return manifest_event;
  const shown = listingFrom(manifest_event);
  if (isRejection(shown)) return shown;
  if (shown.address !== address) {
    return reject("author_mismatch", `the catalog gave ${shown.address} instead of ${address}`);
  }
  const events = detail.release_events
    .map((raw) => verifyEvent(raw, pureSchnorr))
    .filter((event): event is VerifiedEvent => !isRejection(event));
  const all = [manifest_event, ...withCarried(events, pureSchnorr)];
  for (const release_event of events) {
    const release = releaseFrom(release_event);
    if (isRejection(release) || release.channel !== "main") continue;
    const pinned = all.find(({ id }) => id === release.manifest_event_id);
    const listing = pinned === undefined ? null : listingFrom(pinned);
    if (pinned === undefined || listing === null || isRejection(listing)) continue;
    if (listing.address === address && isReleaseOf(release, listing)) {
      return { listing, release, manifest_event: pinned, release_event };
    }
  }
  return reject("not_found", "its author has released nothing of it on the main channel that can be installed");
}

/** What its owner chooses for an install. */
export interface Choices {
  readonly inputs: Readonly<Record<string, InputValue>>;
  /** Null: as the upgrade declares. */
  readonly schedule: UpgradeSchedule | null;
}

/** An order as it is agreed to. */
export interface Review {
  readonly upgrade: CheckedUpgrade;
  readonly choices: Choices;
  readonly plan: Plan;
  readonly schedule: UpgradeSchedule;
  /** In plain words; `fresh`: not agreed to with the order before; `asks`: above what the worker grants unasked. */
  readonly permissions: readonly {
    readonly permission: Permission;
    readonly sentence: string;
    readonly fresh: boolean;
    readonly asks: boolean;
  }[];
  /** What the author declares besides: policy flags, how long results are kept, telemetry. */
  readonly declares: readonly string[];
}

/** The worker's own home folder is not known here: `~` stays as it is written, and so is what is agreed to. */
const HOME = "~";

/**
 * What exactly would be ordered with these choices: the same pure functions that the worker checks it with. Refusals:
 * those of the manifest's rules and of `planOf`.
 */
export function reviewOrder(
  upgrade: CheckedUpgrade,
  choices: Choices,
  { before, ceiling }: { readonly before: KnownInstall | null; readonly ceiling: readonly Permission[] },
): Review | Rejection {
  const { manifest } = upgrade.listing;
  const schedule = choices.schedule ?? manifest.schedule;
  const [error] = validateManifest({ ...manifest, schedule }).errors;
  if (error !== undefined) return reject(error.code, error.message);
  const plan = planOf(manifest, choices.inputs, { home: HOME });
  if (isRejection(plan)) return plan;
  const permissions = plan.permissions.map((permission) => ({
    ...{ permission, sentence: sentenceOf(permission) },
    fresh: before !== null && !permits(before.permissions, permission),
    asks: !permits(ceiling, permission),
  }));
  return { upgrade, choices, plan, schedule, permissions, declares: declaredSentences(manifest) };
}

/** The envelope of every order. `revision` is above all before. Times are Unix seconds. */
export interface OrderEnvelope {
  readonly worker: string;
  readonly signer: string;
  readonly install_id: string;
  readonly revision: number;
  readonly now_s: number;
}

export function newInstallId(now_ms: number, random: RandomBytes): string {
  return newId("install", now_ms, random);
}

/** The order that was agreed to. It brings its two events along where they fit, so that the worker need not fetch them. */
export function orderOf(
  { upgrade, choices, plan }: Review,
  envelope: OrderEnvelope,
  options: { readonly embed: boolean },
): InstallOrder {
  const { listing, release, manifest_event, release_event } = upgrade;
  return {
    config_version: 1,
    action: "install",
    ...stamped(envelope),
    listing: listing.address,
    manifest_event_id: listing.event_id,
    release_event_id: release.event_id,
    manifest_sha256: listing.manifest_sha256,
    permission_hash: permissionHash(plan.permissions),
    inputs: choices.inputs,
    ...(choices.schedule === null ? {} : { schedule: choices.schedule }),
    ...(options.embed ? { manifest_event: plain(manifest_event), release_event: plain(release_event) } : {}),
  };
}

/** An order that changes whether an install runs. */
export function changeOf(action: InstallChange["action"], envelope: OrderEnvelope): InstallChange {
  return { config_version: 1, action, ...stamped(envelope) };
}

function stamped({ worker, signer, install_id, revision, now_s }: OrderEnvelope) {
  const expires_at = now_s + LIMITS.coordinator_order_s;
  return { worker, signer, install_id, revision, issued_at: now_s, expires_at };
}

/** The same event without the mark of having been verified, as the schema's types write one. */
function plain({ tags, ...event }: VerifiedEvent): NonNullable<InstallOrder["manifest_event"]> {
  return { ...event, tags: tags.map((tag) => [...tag]) };
}
