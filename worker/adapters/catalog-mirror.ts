import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, ModerationRoles, SnapshotPage } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { fromEvent as listingFrom } from "@oa/shared/nostr/30051-manifest.ts";
import { snapshotRoot } from "@oa/shared/nostr/30078-snapshot.ts";
import { fromEvent as rollUpFrom } from "@oa/shared/nostr/30384-reputation.ts";
import { type NostrEvent, type SchnorrVerify, type VerifiedEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { differences } from "@oa/shared/reputation/compare.ts";
import { summaryOf } from "@oa/shared/reputation/summary.ts";
import type { EdgeClient } from "./edge-client.ts";

/** A catalog as it was read: each signed event has been verified here, whatever the edge says of it. */
export interface Mirror {
  /** The edge's count of changes. */
  readonly version: number;
  readonly details: readonly CatalogDetail[];
  /** Who moderates, and what was decided, each verified here too; `operator` signs the list of curators. */
  readonly moderation: { readonly operator: string | null; readonly events: readonly VerifiedEvent[] };
  /** Every event once, in the order of ids. */
  readonly events: readonly NostrEvent[];
  /** Their Merkle root. */
  readonly root: string;
}

/** How often the catalog has changed: one request. */
export async function catalogVersion(edge: EdgeClient, signal: AbortSignal): Promise<number | Rejection> {
  const page = await pageAfter(edge, "~", signal); // sorts after every address
  return isRejection(page) ? page : page.version;
}

/**
 * Reads the whole catalog of an edge. Faults: catalog_invalid where it answers with what does not verify; a listing
 * that one edge forged must not reach the pages of another.
 */
export async function mirrorCatalog(
  edge: EdgeClient,
  schnorr: SchnorrVerify,
  signal: AbortSignal,
): Promise<Mirror | Rejection> {
  const details: CatalogDetail[] = [];
  const events = new Map<string, NostrEvent>();
  let version = 0;
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: SnapshotPage | Rejection = await pageAfter(edge, cursor, signal);
    if (isRejection(page)) return page;
    for (const detail of page.details) {
      for (const event of verified(detail, schnorr)) events.set(event.id, event);
      details.push(detail);
    }
    if (details.length > LIMITS.snapshot_listings) {
      throw new Fault("too_large", `the catalog has more than ${LIMITS.snapshot_listings} listings`);
    }
    if (cursor === "") version = page.version;
    if (page.next_cursor !== null && page.next_cursor <= cursor) throw invalid("its pages do not follow one another");
    cursor = page.next_cursor;
  }
  const moderation = await mirrorModeration(edge, schnorr, signal);
  if (isRejection(moderation)) return moderation;
  for (const event of moderation.events) events.set(event.id, event);
  const sorted = [...events.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { version, details, moderation, events: sorted, root: snapshotRoot(sorted.map(({ id }) => id)) };
}

/** Signed decisions, appeals and lists of an edge, page by page. */
async function mirrorModeration(
  edge: EdgeClient,
  schnorr: SchnorrVerify,
  signal: AbortSignal,
): Promise<Mirror["moderation"] | Rejection> {
  const roles = await edge.get<ModerationRoles>("/v1/moderation/roles", signal);
  if (isRejection(roles)) return roles;
  if (!validators.isModerationRoles(roles)) throw invalid("it does not say who moderates");
  const events: VerifiedEvent[] = [];
  for (let cursor: string | null = "0"; cursor !== null; ) {
    type Page = { readonly events: readonly unknown[]; readonly next_cursor: string | null };
    const page: Page | Rejection = await edge.get<Page>(`/v1/moderation/events?cursor=${cursor}`, signal);
    if (isRejection(page)) return page;
    for (const raw of page.events) {
      const checked = verifyEvent(raw, schnorr);
      if (isRejection(checked)) throw invalid(`an event of its moderation: ${checked.message}`);
      events.push(checked);
    }
    if (page.next_cursor !== null && Number(page.next_cursor) <= Number(cursor)) {
      throw invalid("its pages do not follow one another");
    }
    cursor = page.next_cursor;
  }
  return { operator: roles.operator, events };
}

async function pageAfter(edge: EdgeClient, cursor: string, signal: AbortSignal): Promise<SnapshotPage | Rejection> {
  const page = await edge.get<SnapshotPage>(`/v1/snapshot?cursor=${encodeURIComponent(cursor)}`, signal);
  if (isRejection(page) || validators.isSnapshotPage(page)) return page;
  throw invalid("its snapshot does not keep the schema");
}

function verified(detail: CatalogDetail, schnorr: SchnorrVerify): readonly VerifiedEvent[] {
  const { listing, event, release_events, older_release_events = [], reputation_event } = detail;
  const rated = reputation_event === undefined ? [] : [reputation_event];
  const events = [event, ...release_events, ...older_release_events, ...rated].map((raw): VerifiedEvent => {
    const checked = verifyEvent(raw, schnorr);
    if (isRejection(checked)) throw invalid(`an event of ${listing.address}: ${checked.message}`);
    return checked;
  });
  const [manifest] = events;
  const read = manifest === undefined ? undefined : listingFrom(manifest);
  if (
    read === undefined ||
    isRejection(read) ||
    read.address !== listing.address ||
    read.event_id !== listing.event_id
  ) {
    throw invalid(`${listing.address} is not what its event says`);
  }
  refuseUnsigned(listing, rated.length === 0 ? undefined : events.at(-1));
  return events;
}

/** What a listing is said to be worth is what an indexer signed about this listing, or nothing. */
function refuseUnsigned({ address, reputation }: CatalogDetail["listing"], event: VerifiedEvent | undefined): void {
  const rollup = event === undefined ? undefined : rollUpFrom(event);
  if (rollup !== undefined && isRejection(rollup)) throw invalid(`the reputation of ${address}: ${rollup.message}`);
  const signed = rollup === undefined || event === undefined ? undefined : summaryOf(rollup, event.id);
  if (differences(reputation, signed).length > 0 || (rollup !== undefined && rollup.listing !== address)) {
    throw invalid(`the reputation of ${address} is not what its event says`);
  }
}

function invalid(why: string): Fault {
  return new Fault("catalog_invalid", `the edge's catalog cannot be mirrored: ${why}`);
}
