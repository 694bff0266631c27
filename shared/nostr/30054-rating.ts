import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import { KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import { type EventTemplate, isLabelled, labelTags, tagValues } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

export const STARS = [1, 2, 3, 4, 5] as const;
export type Stars = (typeof STARS)[number];

/** The event a rater points to as proof of use: a licence receipt, or a worker's attestation of a run. */
export interface RatingEvidence {
  readonly kind: "receipt" | "attestation";
  readonly event_id: string;
}

/** One rater's opinion of one listing. */
export interface Rating {
  readonly event_id: string;
  readonly created_at: number;
  readonly rater: string;
  /** `30051:<author>:<slug>`. */
  readonly listing: string;
  readonly author: string;
  readonly stars: Stars;
  readonly review: string;
  readonly evidence: RatingEvidence | null;
}

/** The event of a rating (kind 30054). Its `d` is the listing's full address, so that each rater has one. */
export function toEvent(
  rating: Pick<Rating, "listing" | "stars" | "review" | "evidence">,
  options: { readonly created_at: number },
): EventTemplate {
  const { listing, stars, review, evidence } = rating;
  return {
    kind: KINDS.rating.kind,
    created_at: options.created_at,
    content: review,
    tags: [
      ["d", listing],
      ["a", listing],
      ["p", authorOf(listing)],
      ["rating", String(stars)],
      ...(evidence === null ? [] : [["e", evidence.event_id, "", evidence.kind]]),
      ...labelTags(KINDS.rating),
      ["alt", `A rating of an agent upgrade: ${stars} of 5 stars`],
    ],
  };
}

/** The rating an event makes. Refusals: foreign_event (dropped without noise), event_tag_mismatch. */
export function fromEvent(event: VerifiedEvent): Rating | Rejection {
  if (!isLabelled(event, KINDS.rating)) {
    return reject("foreign_event", `event ${event.id} is not labelled as a rating of an upgrade`);
  }
  const mismatch = (why: string): Rejection => reject("event_tag_mismatch", `rating event ${event.id}: ${why}`);
  const listing = tagValue(event, "d");
  if (!isListingAddress(listing)) return mismatch("its d is not a listing's full address, 30051:<key>:<name>");
  if ((tagValue(event, "a") ?? listing) !== listing) return mismatch("its a and its d differ");
  const author = authorOf(listing);
  if ((tagValue(event, "p") ?? author) !== author) return mismatch("its p is not its listing's author");
  const ratings = tagValues(event, "rating");
  const stars = STARS.find((value) => String(value) === ratings[0]);
  if (stars === undefined || ratings.length > 1) return mismatch("it needs one rating tag, a whole number from 1 to 5");
  if (event.content.length > LIMITS.rating_review_chars) {
    return mismatch(`its review has over ${LIMITS.rating_review_chars} characters`);
  }
  return {
    event_id: event.id,
    created_at: event.created_at,
    rater: event.pubkey,
    listing,
    author,
    stars,
    review: event.content,
    evidence: evidenceOf(event),
  };
}

/** Ratings of our namespace, narrowed to listings, raters or rated authors. */
export function filter(
  narrow: {
    readonly listings?: readonly string[];
    readonly raters?: readonly string[];
    readonly authors?: readonly string[];
    readonly until?: number;
    readonly limit?: number;
  } = {},
) {
  const { listings, raters, authors, ...rest } = narrow;
  return {
    kinds: [KINDS.rating.kind],
    "#L": [LABEL_NAMESPACE],
    ...(listings === undefined ? {} : { "#d": listings }),
    ...(raters === undefined ? {} : { authors: raters }),
    ...(authors === undefined ? {} : { "#p": authors }),
    ...rest,
  };
}

/** Whether a text is the full address of a listing. */
export function isListingAddress(text: string | undefined): text is string {
  return text !== undefined && /^30051:[0-9a-f]{64}:[a-z0-9_.-]{1,128}$/.test(text);
}

/** The key in a listing's address. */
export function authorOf(listing: string): string {
  return listing.split(":")[1] ?? "";
}

function evidenceOf(event: VerifiedEvent): RatingEvidence | null {
  for (const [name, event_id, , kind] of event.tags) {
    if (name === "e" && isHex32(event_id) && (kind === "receipt" || kind === "attestation")) return { kind, event_id };
  }
  return null;
}
