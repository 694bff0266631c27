import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallOrder } from "@oa/shared/generated/types.ts";
import { keysSince, fromEvent as statementIn } from "@oa/shared/nostr/03164-key-rotation.ts";
import { matchUpgrade } from "@oa/shared/nostr/24051-install-config.ts";
import type { Listing } from "@oa/shared/nostr/30051-manifest.ts";
import { type Release, withCarried } from "@oa/shared/nostr/30052-release.ts";
import { type SchnorrVerify, type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { believedKeys, type KeyWitness, refuseHandedOver } from "./key-statements.ts";

/** The two events that an order pins, read and held against each other. */
export interface OrderedUpgrade {
  readonly listing: Listing;
  readonly release: Release;
  /** Rotations that may lead from another author's key to this listing's. */
  readonly rotations?: readonly VerifiedEvent[];
}

/** Where what an order pins is found. */
export interface OrderSources extends KeyWitness {
  /** Signed events that may be those of a listing, from catalog or relays, not yet verified. */
  readonly lookUp: (
    address: { readonly author: string; readonly slug: string; readonly relays: readonly string[] },
    signal: AbortSignal,
  ) => Promise<readonly unknown[] | Rejection>;
}

/** The pinned events, by id. Refusals: unreachable, not_found, those of `matchUpgrade`. */
export async function fetchUpgrade(
  order: InstallOrder,
  { lookUp, schnorr }: OrderSources,
  signal: AbortSignal,
): Promise<OrderedUpgrade | Rejection> {
  const [, author = "", slug = ""] = /^30051:([0-9a-f]{64}):(.+)$/.exec(order.listing) ?? [];
  const raw = await lookUp({ author, slug, relays: [] }, signal);
  if (isRejection(raw)) return raw;
  const verified = raw
    .map((value) => verifyEvent(value, schnorr))
    .filter((event): event is VerifiedEvent => !isRejection(event));
  const pinned = withCarried(verified, schnorr);
  const manifest_event = pinned.find(({ id }) => id === order.manifest_event_id);
  const release_event = pinned.find(({ id }) => id === order.release_event_id);
  if (manifest_event === undefined || release_event === undefined) {
    return reject("not_found", `the events that the config pins of ${order.listing} are no longer to be found`);
  }
  return matchUpgrade(order, manifest_event, release_event);
}

/**
 * An order with the rotations that may make its author the successor of the one known here; whether they do is for the
 * door to say, and following for the owner. Refusals: key_rotated, where this author's own key has handed over,
 * key_revoked, rotation_conflict. Fault: relay_unreachable.
 */
export async function withRotations(
  upgrade: OrderedUpgrade,
  known: string | undefined,
  sources: OrderSources,
  signal: AbortSignal,
): Promise<OrderedUpgrade | Rejection> {
  const handedOver = await refuseHandedOver(upgrade.listing, sources, signal);
  if (handedOver !== null) return handedOver;
  if (known === undefined || known === upgrade.listing.author) return upgrade;
  const { keys, events } = await believedKeys(known, sources, signal);
  return isRejection(keys) ? keys : { ...upgrade, rotations: events };
}

/** The keys that led from the author known here to the listing's. Refusals: rotation_conflict, key_revoked. */
export function keysTo(
  upgrade: OrderedUpgrade | null,
  known: string | undefined,
  schnorr: SchnorrVerify,
): readonly string[] | undefined | Rejection {
  if (upgrade === null || known === undefined || known === upgrade.listing.author) return undefined;
  const statements = (upgrade.rotations ?? []).flatMap((event) => {
    const statement = statementIn(event, schnorr);
    return isRejection(statement) ? [] : [statement];
  });
  return keysSince(known, statements);
}
