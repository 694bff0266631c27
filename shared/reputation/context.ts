import * as follows from "../nostr/00003-follows.ts";
import * as rating from "../nostr/30054-rating.ts";
import { FORMULA } from "./formula.ts";
import type { Input } from "./inputs.ts";

/** Gives stored events, read as inputs; what cannot be read is left out. */
export type AskEvents = (
  filter: ReturnType<typeof rating.filter> | ReturnType<typeof follows.filter>,
) => Promise<readonly Input[]>;

/**
 * What the rules against abuse and the web of trust need beside the events about the listing: what its author and, as
 * far as a ring can reach, its raters say of each other; and the follow lists of the anchors and of whom they follow.
 */
export async function askContext(
  ask: AskEvents,
  listing: string,
  raters: ReadonlySet<string>,
  anchors: readonly string[],
  limit: number,
): Promise<readonly Input[]> {
  const author = rating.authorOf(listing);
  const found: Input[] = [];
  const asked = new Set<string>();
  let edge: readonly string[] = [author];
  for (let hop = 0; hop < FORMULA.collusion_ring.hops && edge.length > 0; hop += 1) {
    for (const key of edge) asked.add(key);
    const said = await askAll(ask, edge, (raters) => rating.filter({ raters, limit }));
    const kept = said.filter(({ type, is }) => type === "rating" && is.listing !== listing && isAbout(is, raters));
    found.push(...kept);
    const praised = kept.flatMap(({ type, is }) =>
      type === "rating" && is.stars >= FORMULA.collusion_ring.high_stars && !asked.has(is.author) ? [is.author] : [],
    );
    edge = [...new Set(praised)].sort();
  }
  if (anchors.length === 0) return found;
  const lists = await askAll(ask, anchors, follows.filter);
  const near = lists.flatMap((list) => (list.type === "follows" ? list.is.follows : []));
  const more = [...new Set(near)].filter((key) => !anchors.includes(key)).sort();
  return [...found, ...lists, ...(await askAll(ask, more.slice(0, limit), follows.filter))];
}

function isAbout({ author, rater }: rating.Rating, raters: ReadonlySet<string>): boolean {
  return author !== rater && raters.has(author);
}

/** Relays take so many values in one filter. */
const KEYS = 100;

async function askAll(
  ask: AskEvents,
  keys: readonly string[],
  filterOf: (keys: readonly string[]) => Parameters<AskEvents>[0],
): Promise<readonly Input[]> {
  const found: Input[] = [];
  for (let start = 0; start < keys.length; start += KEYS) {
    found.push(...(await ask(filterOf(keys.slice(start, start + KEYS)))));
  }
  return found;
}
