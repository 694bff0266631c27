import { LIMITS } from "../core/limits.ts";
import { REPORT_REASONS } from "../core/moderation-words.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import { authorOf, isListingAddress } from "./30054-rating.ts";
import { KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import { type EventTemplate, labelTags } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

export type ReportReason = (typeof REPORT_REASONS)[number];

/** One key's report of one listing, for moderators to judge. */
export interface Report {
  readonly event_id: string;
  readonly created_at: number;
  readonly reporter: string;
  /** `30051:<author>:<slug>`. */
  readonly listing: string;
  /** The manifest event as it was when it was reported; null where the report does not say. */
  readonly manifest_event_id: string | null;
  readonly reason: ReportReason;
  readonly text: string;
}

/** The event of a report (NIP-56, kind 1984) of a listing. */
export function toEvent(
  report: Pick<Report, "listing" | "manifest_event_id" | "reason" | "text">,
  options: { readonly created_at: number },
): EventTemplate {
  const { listing, manifest_event_id, reason, text } = report;
  return {
    kind: KINDS.report.kind,
    created_at: options.created_at,
    content: text,
    tags: [
      ["a", listing, "", reason],
      ...(manifest_event_id === null ? [] : [["e", manifest_event_id, reason]]),
      ["p", authorOf(listing), reason],
      ...labelTags(KINDS.report),
    ],
  };
}

/** The report an event makes of a listing; other clients' too. Refusals: foreign_event, event_tag_mismatch. */
export function fromEvent(event: VerifiedEvent): Report | Rejection {
  const listing = tagValue(event, "a");
  if (event.kind !== KINDS.report.kind || !isListingAddress(listing)) {
    return reject("foreign_event", `event ${event.id} does not report a listing`);
  }
  const mismatch = (why: string): Rejection => reject("event_tag_mismatch", `report ${event.id}: ${why}`);
  const author = authorOf(listing);
  if (tagValue(event, "p") !== author) return mismatch("its p is not its listing's author");
  const said = event.tags.find(([name, value]) => name === "p" && value === author)?.[2];
  const reason = REPORT_REASONS.find((word) => word === said);
  if (reason === undefined) return mismatch(`its reason is not one of ${REPORT_REASONS.join(", ")}`);
  const manifest_event_id = tagValue(event, "e") ?? null;
  if (manifest_event_id !== null && !isHex32(manifest_event_id)) return mismatch("its e is not an event id");
  if (event.content.length > LIMITS.report_text_chars) {
    return mismatch(`its text has over ${LIMITS.report_text_chars} characters`);
  }
  return {
    event_id: event.id,
    created_at: event.created_at,
    reporter: event.pubkey,
    ...{ listing, manifest_event_id, reason, text: event.content },
  };
}

/** Reports of listings. */
export function filter(listings: readonly string[]) {
  return { kinds: [KINDS.report.kind], "#L": [LABEL_NAMESPACE], "#a": listings };
}
