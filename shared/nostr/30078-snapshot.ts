import { merkleRoot } from "../core/merkle.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import { KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import { type EventTemplate, isLabelled, labelTags } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

/** What a mirror shows, said by whoever built it: the signed events of the catalog at one moment, as one hash. */
export interface Snapshot {
  readonly builder: string;
  readonly created_at: number;
  /** Merkle root (RFC 9162) over the ids of all events, in ascending order. */
  readonly root: string;
  readonly events: number;
  readonly listings: number;
}

const D = "openagents.upgrade.snapshot";

/** The root of a set of events, whatever their order. */
export function snapshotRoot(event_ids: readonly string[]): string {
  return merkleRoot([...event_ids].sort());
}

/** The event of a snapshot (application data, NIP-78). */
export function toEvent({ root, events, listings, created_at }: Omit<Snapshot, "builder">): EventTemplate {
  return {
    kind: KINDS.snapshot.kind,
    created_at,
    content: "",
    tags: [
      ["d", D],
      ["x", root],
      ["events", String(events)],
      ["listings", String(listings)],
      ...labelTags(KINDS.snapshot),
      ["alt", `Snapshot of an upgrade catalog with ${listings} listings`],
    ],
  };
}

/** The snapshot an event announces. Refusals: foreign_event, event_tag_mismatch. */
export function fromEvent(event: VerifiedEvent): Snapshot | Rejection {
  if (!isLabelled(event, KINDS.snapshot) || tagValue(event, "d") !== D) {
    return reject("foreign_event", `event ${event.id} is not labelled as a catalog snapshot`);
  }
  const root = tagValue(event, "x");
  const [events, listings] = [count(event, "events"), count(event, "listings")];
  if (!isHex32(root) || events === null || listings === null) {
    return reject("event_tag_mismatch", `snapshot event ${event.id} lacks its root or its counts`);
  }
  return { builder: event.pubkey, created_at: event.created_at, root, events, listings };
}

/** Snapshots by their builders. */
export function filter(authors: readonly string[]) {
  return { kinds: [KINDS.snapshot.kind], authors, "#d": [D], "#L": [LABEL_NAMESPACE] };
}

function count(event: VerifiedEvent, name: string): number | null {
  const text = tagValue(event, name) ?? "";
  return /^(0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : null;
}
