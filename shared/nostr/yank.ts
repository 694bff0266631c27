import { clip } from "../core/text.ts";
import { filter as keyFilter, revocationIn } from "./03164-key-rotation.ts";
import { KINDS, LABEL_NAMESPACE } from "./kinds.ts";
import { type EventTemplate, tagValues } from "./template.ts";
import type { VerifiedEvent } from "./verify.ts";

const LABEL = "yank";

/** What an author took back: releases by event id or by address. */
export interface Yank {
  readonly event_id: string;
  readonly author: string;
  readonly created_at: number;
  readonly event_ids: readonly string[];
  /** `30052:<author>:<slug>@<version>`, or a whole listing's `30051:<author>:<slug>`. */
  readonly addresses: readonly string[];
  readonly reason: string;
  /** The author's key itself was given up: everything by it is taken back, whatever date it bears. */
  readonly revoked: boolean;
}

/** A release as an install pins it. `released_at` is Unix seconds. */
export interface PinnedRelease {
  readonly author_pubkey: string;
  readonly upgrade_address: string;
  readonly upgrade_id: string;
  readonly upgrade_version: string;
  readonly manifest_event_id: string;
  readonly release_event_id: string;
  readonly released_at?: number | undefined;
}

/**
 * The two events that take a release back: a label (NIP-32, kind 1985), which relays keep, and a deletion (NIP-09, kind
 * 5), which they obey. Both say the same; either is enough.
 */
export function toEvents(
  release: {
    readonly author: string;
    readonly slug: string;
    readonly version: string;
    readonly event_id: string | null;
  },
  options: { readonly created_at: number; readonly reason: string },
): readonly [label: EventTemplate, deletion: EventTemplate] {
  const { author, slug, version, event_id } = release;
  const { created_at, reason } = options;
  const what = [
    ["a", `${KINDS.release.kind}:${author}:${slug}@${version}`],
    ...(event_id === null ? [] : [["e", event_id]]),
  ];
  const label = [["L", LABEL_NAMESPACE], ["l", LABEL, LABEL_NAMESPACE], ...what];
  return [
    { kind: KINDS.label.kind, created_at, content: reason, tags: label },
    { kind: KINDS.deletion.kind, created_at, content: reason, tags: [...what, ["k", String(KINDS.release.kind)]] },
  ];
}

/** What an event takes back; null for one that takes nothing back. Only what is its author's own counts. */
export function fromEvent(event: VerifiedEvent): Yank | null {
  const isLabel =
    event.kind === KINDS.label.kind &&
    event.tags.some(([name, value, space]) => name === "l" && value === LABEL && space === LABEL_NAMESPACE);
  const { id: event_id, pubkey: author, created_at, content } = event;
  const reason = clip(content, 500);
  const statement = revocationIn(event);
  if (statement !== null) {
    return { event_id, author, created_at, event_ids: [], addresses: [], reason: statement.reason, revoked: true };
  }
  if (!isLabel && event.kind !== KINDS.deletion.kind) return null;
  const own = [KINDS.manifest.kind, KINDS.release.kind].map((kind) => `${kind}:${event.pubkey}:`);
  const addresses = tagValues(event, "a").filter((address) => own.some((prefix) => address.startsWith(prefix)));
  const event_ids = tagValues(event, "e");
  if (addresses.length === 0 && event_ids.length === 0) return null;
  return { event_id, author, created_at, event_ids, addresses, reason, revoked: false };
}

/**
 * Whether a pinned release was taken back. An address stands for what was released until then, so that what comes
 * later under it is another matter.
 */
export function isYanked(yank: Yank, release: PinnedRelease): boolean {
  if (yank.author !== release.author_pubkey) return false;
  if (yank.revoked) return true;
  if (yank.event_ids.includes(release.release_event_id) || yank.event_ids.includes(release.manifest_event_id))
    return true;
  if ((release.released_at ?? 0) > yank.created_at) return false;
  const address = `${KINDS.release.kind}:${release.author_pubkey}:${release.upgrade_id}@${release.upgrade_version}`;
  return yank.addresses.includes(address) || yank.addresses.includes(release.upgrade_address);
}

/** Everything that authors may have taken back. */
export function filters(authors: readonly string[]) {
  return [
    { kinds: [KINDS.deletion.kind], authors },
    { kinds: [KINDS.label.kind], authors, "#l": [LABEL] },
    keyFilter(authors),
  ];
}
