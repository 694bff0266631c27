import { type Rejection, reject } from "../core/refusal.ts";
import { KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import { type EventTemplate, isLabelled, labelTags } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

export type Outcome = "succeeded" | "failed";

/** A run's end as the world may know it: which upgrade, which version, how it went. Nothing of what it did. */
export interface CompletionNote {
  /** `30051:<author>:<slug>`. */
  readonly listing: string;
  readonly title: string;
  readonly version: string;
  readonly release_event_id: string;
  readonly manifest_sha256: string;
  readonly outcome: Outcome;
}

/** The kind-1 note a worker posts when a run has ended, with our label so that our relay takes it. */
export function toEvent(note: CompletionNote, options: { readonly created_at: number }): EventTemplate {
  const slug = slugOf(note.listing);
  const text = note.outcome === "succeeded" ? "finished" : "did not finish";
  return {
    kind: KINDS.note.kind,
    created_at: options.created_at,
    content: `${note.title} ${note.version} (${slug}) ${text}.`,
    tags: [
      ["a", note.listing],
      ["e", note.release_event_id],
      ["i", slug],
      ["version", note.version],
      ["x", note.manifest_sha256],
      ["status", note.outcome],
      ["title", note.title],
      ...labelTags(KINDS.note),
    ],
  };
}

/** The completion a note tells of. Refusals: foreign_event (dropped without noise), event_tag_mismatch. */
export function fromEvent(event: VerifiedEvent): CompletionNote | Rejection {
  if (!isLabelled(event, KINDS.note)) {
    return reject("foreign_event", `event ${event.id} is not labelled as a completion note`);
  }
  const mismatch = (why: string): Rejection => reject("event_tag_mismatch", `completion note ${event.id}: ${why}`);
  const [listing, release_event_id, version, manifest_sha256, status, title] = [
    tagValue(event, "a"),
    tagValue(event, "e"),
    tagValue(event, "version"),
    tagValue(event, "x"),
    tagValue(event, "status"),
    tagValue(event, "title"),
  ];
  if (listing === undefined || !/^30051:[0-9a-f]{64}:./.test(listing)) return mismatch("its a is no listing's address");
  if (tagValue(event, "i") !== slugOf(listing)) return mismatch("its i is not its listing's slug");
  if (!isHex32(release_event_id) || !isHex32(manifest_sha256)) return mismatch("its e or x is not 64 hex digits");
  if (version === undefined || title === undefined) return mismatch("it lacks the tag version or title");
  if (status !== "succeeded" && status !== "failed") return mismatch("its status is neither succeeded nor failed");
  return { listing, title, version, release_event_id, manifest_sha256, outcome: status };
}

/** Completion notes of our namespace. */
export function filter(
  narrow: {
    readonly listings?: readonly string[];
    readonly authors?: readonly string[];
    readonly since?: number;
    readonly limit?: number;
  } = {},
) {
  const { listings, ...rest } = narrow;
  return {
    kinds: [KINDS.note.kind],
    "#L": [LABEL_NAMESPACE],
    "#l": [KINDS.note.label],
    ...(listings === undefined ? {} : { "#a": listings }),
    ...rest,
  };
}

function slugOf(listing: string): string {
  return listing.split(":").slice(2).join(":");
}
