import { type Rejection, reject } from "../core/refusal.ts";
import { isListingAddress } from "./30054-rating.ts";
import { KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import type { EventTemplate } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

const LABEL = "run-succeeded";

/** A worker's word that one run of one release succeeded there. It tells nothing of what the run did. */
export interface RunAttestation {
  readonly event_id: string;
  readonly created_at: number;
  readonly worker: string;
  /** Whose worker it says it is: the rater whom it is evidence for. Null where it does not say. */
  readonly owner: string | null;
  /** `30051:<author>:<slug>`. */
  readonly listing: string;
  readonly release_event_id: string;
  readonly manifest_sha256: string;
  /** Names the run without telling of it: the link of its end in the worker's own hash chain. */
  readonly run_sha256: string;
}

/** The label (NIP-32, kind 1985) by which a worker attests a run. */
export function toEvent(
  run: Omit<RunAttestation, "event_id" | "created_at" | "worker">,
  options: { readonly created_at: number },
): EventTemplate {
  return {
    kind: KINDS.label.kind,
    created_at: options.created_at,
    content: "",
    tags: [
      ["L", LABEL_NAMESPACE],
      ["l", LABEL, LABEL_NAMESPACE],
      ["a", run.listing],
      ["e", run.release_event_id],
      ["x", run.manifest_sha256],
      ["run", run.run_sha256],
      ...(run.owner === null ? [] : [["p", run.owner, "", "owner"]]),
    ],
  };
}

/** The attestation a label makes. Refusals: foreign_event (dropped without noise), event_tag_mismatch. */
export function fromEvent(event: VerifiedEvent): RunAttestation | Rejection {
  if (!isAttestation(event)) return reject("foreign_event", `event ${event.id} attests no run`);
  const mismatch = (why: string): Rejection => reject("event_tag_mismatch", `run attestation ${event.id}: ${why}`);
  const listing = tagValue(event, "a");
  if (!isListingAddress(listing)) return mismatch("its a is not a listing's full address");
  const [release_event_id, manifest_sha256, run_sha256] = ["e", "x", "run"].map((name) => tagValue(event, name));
  if (!isHex32(release_event_id)) return mismatch("its e is not a release's event id");
  if (!isHex32(manifest_sha256) || !isHex32(run_sha256)) return mismatch("its x or run is not 64 hex digits");
  const owner = event.tags.find(([name, , , marker]) => name === "p" && marker === "owner")?.[1] ?? null;
  if (owner !== null && !isHex32(owner)) return mismatch("its owner is not a key of 64 hex digits");
  return {
    event_id: event.id,
    created_at: event.created_at,
    worker: event.pubkey,
    ...{ owner, listing, release_event_id, manifest_sha256, run_sha256 },
  };
}

/** Whether a label is of this form: others of our namespace say other things. */
export function isAttestation(event: Pick<VerifiedEvent, "kind" | "tags">): boolean {
  return (
    event.kind === KINDS.label.kind &&
    event.tags.some(([name, value, space]) => name === "l" && value === LABEL && space === LABEL_NAMESPACE)
  );
}

/** Attestations, narrowed to listings, workers or whom they are evidence for. */
export function filter(
  narrow: {
    readonly listings?: readonly string[];
    readonly workers?: readonly string[];
    readonly owners?: readonly string[];
    readonly until?: number;
    readonly limit?: number;
  } = {},
) {
  const { listings, workers, owners, ...rest } = narrow;
  return {
    kinds: [KINDS.label.kind],
    "#L": [LABEL_NAMESPACE],
    "#l": [LABEL],
    ...(listings === undefined ? {} : { "#a": listings }),
    ...(workers === undefined ? {} : { authors: workers }),
    ...(owners === undefined ? {} : { "#p": owners }),
    ...rest,
  };
}
