import { LIMITS } from "../core/limits.ts";
import { assert } from "../core/refusal.ts";
import type { NostrFilter } from "./filter.ts";
import { SEALED_KINDS, tagValue } from "./kinds.ts";
import type { NostrEvent } from "./verify.ts";

/** How many shards a relay has, from its setting: a power of two; one where nothing is set. A setting that is none throws. */
export function relayShards(setting: string | undefined): number {
  const count = setting === undefined || setting === "" ? 1 : Number(setting);
  assert(
    Number.isInteger(Math.log2(count)) && count >= 1 && count <= LIMITS.relay_shards,
    `RELAY_SHARDS is ${setting}, not a power of two from 1 to ${LIMITS.relay_shards}`,
  );
  return count;
}

/**
 * Which of `count` shards a key belongs to: each has a range of the keys, in their order, as long as any other's. Twice
 * as many shards halve each range, so that shard i becomes 2i and 2i + 1. What is no key in hex belongs to the first.
 */
export function shardOfKey(key: string, count: number): number {
  const first = /^[0-9a-f]{2}/.exec(key);
  return first === null ? 0 : Math.floor((Number.parseInt(first[0], 16) * count) / LIMITS.relay_shards);
}

/** The name of a shard, which is where its range begins: when ranges are halved the lower half keeps its name. */
export function shardName(shard: number, count: number): string {
  return ((shard * LIMITS.relay_shards) / count).toString(16).padStart(2, "0");
}

/**
 * Which shard keeps an event: its author's, so that it lies with its other versions and its deletion; a sealed one's
 * recipient's, since its author is a key that is used once. NIP-09, NIP-59.
 */
export function shardOfEvent(event: Pick<NostrEvent, "kind" | "pubkey" | "tags">, count: number): number {
  const sealed = SEALED_KINDS.includes(event.kind);
  return shardOfKey(sealed ? (tagValue(event, "p") ?? "") : event.pubkey, count);
}

/**
 * Which shards may keep events that meet a filter and that a reader may see, in order: those of its authors, and of the
 * recipients of sealed events; all of them where it names none. `reader`: the keys that have authenticated, which are
 * told of sealed events to them only, or the edge itself, which sees all.
 */
export function shardsOfFilter(
  { authors, kinds, tags }: Pick<NostrFilter, "authors" | "kinds" | "tags">,
  count: number,
  reader: ReadonlySet<string> | "edge",
): readonly number[] {
  const plain = kinds === undefined || kinds.some((kind) => !SEALED_KINDS.includes(kind));
  const sealed = kinds === undefined || kinds.some((kind) => SEALED_KINDS.includes(kind));
  const recipients = reader === "edge" ? tags.p : (tags.p?.filter((key) => reader.has(key)) ?? [...reader]);
  if ((plain && authors === undefined) || (sealed && recipients === undefined)) {
    return Array.from({ length: count }, (_, shard) => shard);
  }
  const keys = [...(plain ? (authors ?? []) : []), ...(sealed ? (recipients ?? []) : [])];
  return [...new Set(keys.map((key) => shardOfKey(key, count)))].sort((a, b) => a - b);
}
