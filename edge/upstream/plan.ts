import { LIMITS } from "@oa/shared/core/limits.ts";
import { EXTERNAL_KINDS } from "@oa/shared/nostr/external.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS, LABEL_NAMESPACE } from "@oa/shared/nostr/kinds.ts";
import type { RelayList } from "@oa/shared/nostr/relay-list.ts";

/** Kinds of our namespace that are mirrored. Completion notes are between a worker and its own relays. */
const LABELLED: readonly number[] = Object.values(KINDS).flatMap(({ kind, relayed, requires, label }) =>
  relayed && kind !== KINDS.note.kind && (requires === "label" || label !== null) ? [kind] : [],
);
/** What is wanted of the authors of listings, whether they label it or not. */
const OF_AUTHORS: readonly number[] = [KINDS.profile.kind, KINDS.deletion.kind, KINDS.relay_list.kind];
/** What others say of them. */
const ABOUT_AUTHORS: readonly number[] = [KINDS.zap.kind, KINDS.report.kind];

/** Lists by which other applications mute and curate, which know no label of ours; and where moderators publish. */
const OF_MODERATORS: readonly number[] = [
  ...[KINDS.mutes.kind, KINDS.kind_mutes.kind, KINDS.old_list.kind],
  ...[KINDS.relay_list.kind, KINDS.deletion.kind],
];

/** Whose unlabelled lists are wanted. */
export interface ListMakers {
  /** Whose follow lists the web of trust reads. */
  readonly followers: readonly string[];
  /** The operator, the moderators it offers to readers, and the curators that the lists of all of them name. */
  readonly moderators: readonly string[];
}

/** What a relay that this edge's settings name is asked for. */
export function configuredFilters(
  authors: readonly string[],
  { followers, moderators }: ListMakers,
  external: boolean,
): readonly WireFilter[] {
  return [
    { kinds: LABELLED, "#L": [LABEL_NAMESPACE] },
    ...inParts(followers).map((part) => ({ kinds: [KINDS.follows.kind], authors: part })),
    ...inParts(moderators).map((part) => ({ kinds: OF_MODERATORS, authors: part })),
    ...inParts(authors).flatMap((part): readonly WireFilter[] => [
      { kinds: OF_AUTHORS, authors: part },
      { kinds: ABOUT_AUTHORS, "#p": part },
    ]),
    ...(external
      ? [{ kinds: EXTERNAL_KINDS }, { kinds: [KINDS.deletion.kind], "#k": EXTERNAL_KINDS.map(String) }]
      : []),
  ];
}

/** What a relay that authors or moderators list is asked for: what these keys themselves published. */
export function listedFilters(
  keys: readonly string[],
  { moderators }: Pick<ListMakers, "moderators">,
): readonly WireFilter[] {
  return [
    ...inParts(keys).flatMap((part): readonly WireFilter[] => [
      { kinds: LABELLED, "#L": [LABEL_NAMESPACE], authors: part },
      { kinds: OF_AUTHORS, authors: part },
    ]),
    ...inParts(keys.filter((key) => moderators.includes(key))).map((part) => ({ kinds: OF_MODERATORS, authors: part })),
  ];
}

/** Which authors to ask which listed relay for: the relays that most of them write to, without those that are `known`. */
export function listedRelays(
  lists: readonly RelayList[],
  known: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const authors = new Map<string, string[]>();
  for (const { author, write } of lists) {
    for (const url of write) if (!known.includes(url)) authors.set(url, [...(authors.get(url) ?? []), author]);
  }
  const most = [...authors].sort(([a, left], [b, right]) => right.length - left.length || (a < b ? -1 : 1));
  return new Map(
    most
      .slice(0, LIMITS.upstream_listed)
      .map(([url, keys]) => [url, [...keys].sort().slice(0, LIMITS.upstream_listed_authors)]),
  );
}

/** In their own order, so that a new author changes the last part alone, and the others are not read again. */
function inParts(authors: readonly string[]): readonly (readonly string[])[] {
  const size = LIMITS.upstream_authors_per_filter;
  return Array.from({ length: Math.ceil(authors.length / size) }, (_, part) =>
    authors.slice(part * size, (part + 1) * size),
  );
}
