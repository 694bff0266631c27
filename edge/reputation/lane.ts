import type { Sql } from "@oa/shared/core/sql.ts";
import { isListingAddress } from "@oa/shared/nostr/30054-rating.ts";
import { addressOf, KINDS, retentionOf, tagValue } from "@oa/shared/nostr/kinds.ts";
import { tagValues } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";

/** Kinds that are handed to a listing's reputation. */
export const REPUTATION_KINDS: readonly number[] = [
  KINDS.rating.kind,
  KINDS.label.kind,
  KINDS.receipt.kind,
  KINDS.zap.kind,
  KINDS.deletion.kind,
];

/** Which listing an event was about, so that a deletion that only names an id finds its way. */
const DDL = `CREATE TABLE IF NOT EXISTS relay_subjects (
  place TEXT PRIMARY KEY, event_id TEXT NOT NULL, pubkey TEXT NOT NULL, listing TEXT NOT NULL) WITHOUT ROWID`;
const INDEX = "CREATE INDEX IF NOT EXISTS relay_subjects_event ON relay_subjects (event_id)";

export function createLaneTables(sql: Sql): void {
  sql.run(DDL);
  sql.run(INDEX);
}

/** Which listing an event is, or was, about. */
export type Subject = {
  readonly place: string;
  readonly event_id: string;
  readonly pubkey: string;
  readonly listing: string;
};

/** Takes what is about one listing. */
export interface ListingTaker {
  readonly take: (listing: string, events: readonly NostrEvent[]) => Promise<void>;
}

/** Sends each event to the object of the listing that it is about. */
export function reputationLane(
  sql: Sql,
  objectOf: (listing: string) => ListingTaker,
): { readonly take: (events: readonly NostrEvent[]) => Promise<void> } {
  return {
    take: async (events) => {
      const byListing = new Map<string, NostrEvent[]>();
      for (const event of events) {
        for (const listing of listingsOf(sql, event)) {
          byListing.set(listing, [...(byListing.get(listing) ?? []), event]);
        }
      }
      for (const [listing, about] of byListing) await objectOf(listing).take(listing, about);
    },
  };
}

function listingsOf(sql: Sql, event: NostrEvent): readonly string[] {
  if (event.kind === KINDS.deletion.kind) return deletedListings(sql, event);
  const listing = tagValue(event, event.kind === KINDS.rating.kind ? "d" : "a");
  if (!isListingAddress(listing)) return [];
  const place = retentionOf(event.kind) === "regular" ? event.id : addressOf(event);
  keepSubjects(sql, [{ place, event_id: event.id, pubkey: event.pubkey, listing }]);
  return [listing];
}

export function keepSubjects(sql: Sql, subjects: readonly Subject[]): void {
  for (const { place, event_id, pubkey, listing } of subjects) {
    sql.run("INSERT OR REPLACE INTO relay_subjects VALUES (?, ?, ?, ?)", place, event_id, pubkey, listing);
  }
}

/** What deletions name, of their own authors. */
export function subjectsNamed(sql: Sql, deletions: readonly NostrEvent[]): readonly Subject[] {
  return deletions.flatMap((deletion) => [
    ...tagValues(deletion, "a").flatMap((address) => subjects(sql, deletion, "place", address)),
    ...tagValues(deletion, "e").flatMap((id) => subjects(sql, deletion, "event_id", id)),
  ]);
}

function subjects(sql: Sql, { pubkey }: NostrEvent, column: "event_id" | "place", target: string): readonly Subject[] {
  return sql.all<Subject>(
    `SELECT place, event_id, pubkey, listing FROM relay_subjects WHERE ${column} = ? AND pubkey = ? LIMIT 1`,
    target,
    pubkey,
  );
}

function deletedListings(sql: Sql, deletion: NostrEvent): readonly string[] {
  const known = (column: "event_id" | "place", target: string): readonly string[] =>
    subjects(sql, deletion, column, target).map(({ listing }) => listing);
  const rated = `${KINDS.rating.kind}:${deletion.pubkey}:`;
  const addresses = tagValues(deletion, "a").flatMap((address) => {
    // A rating's address holds its listing's, so that the deletion arrives even before the rating.
    const listing = address.startsWith(rated) ? address.slice(rated.length) : undefined;
    return isListingAddress(listing) ? [listing] : known("place", address);
  });
  return [...new Set([...addresses, ...tagValues(deletion, "e").flatMap((id) => known("event_id", id))])];
}
