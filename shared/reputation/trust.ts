import type { FollowList } from "../nostr/00003-follows.ts";
import { FORMULA } from "./formula.ts";

/**
 * How far each key is trusted, in millionths, by the follow lists (NIP-02) of the anchors and of whom they follow. Keys
 * that are not in it are not trusted at all; without anchors nobody is.
 */
export function trustOf(anchors: readonly string[], lists: readonly FollowList[]): ReadonlyMap<string, bigint> {
  const { followers, first_ppm, second_ppm } = FORMULA.trust;
  const byAuthor = new Map(lists.map((list) => [list.author, list.follows]));
  const first = new Set(anchors);
  for (const anchor of anchors) for (const key of byAuthor.get(anchor) ?? []) first.add(key);
  const counted = new Map<string, number>();
  for (const author of first) {
    for (const key of byAuthor.get(author) ?? []) {
      if (!first.has(key)) counted.set(key, (counted.get(key) ?? 0) + 1);
    }
  }
  const second = [...counted].filter(([, count]) => count >= followers).map(([key]) => key);
  return new Map([
    ...[...first].map((key) => [key, BigInt(first_ppm)] as const),
    ...second.map((key) => [key, BigInt(second_ppm)] as const),
  ]);
}
