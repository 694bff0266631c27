import { LIMITS } from "@oa/shared/core/limits.ts";
import { shardOfKey } from "@oa/shared/nostr/relay-shard.ts";
import { publicKeyAt, seeded, zipf } from "./market.ts";

/** How evenly a load lies on objects. */
export interface Spread {
  readonly objects: number;
  readonly mean: number;
  readonly largest: number;
}

export interface Assumptions {
  readonly listings: number;
  /** One author for so many listings. */
  readonly listings_per_author: number;
  /** A manifest, its releases, and what else an author publishes about it. */
  readonly events_per_listing: number;
  readonly ratings_per_listing: number;
  readonly payments_per_listing: number;
  /** Of listings that anybody rated: each has a roll-up, signed by the indexer's one key. */
  readonly rated: number;
  /** How unevenly listings lie on authors, and ratings on listings: the k-th has 1/k^exponent of the first's. */
  readonly exponent: number;
}

export const MILLION: Assumptions = {
  listings: 1_000_000,
  listings_per_author: 5,
  events_per_listing: 2.5,
  ratings_per_listing: 10,
  payments_per_listing: 10,
  rated: 0.33,
  exponent: 1,
};

/**
 * Events on the shards of the relay, for each number of shards: an author's on one, the raters' keys as evenly spread as
 * hashes are, and the indexer's all on one.
 */
export function relaySpread(assumed: Assumptions, counts: readonly number[]): readonly Spread[] {
  const random = seeded(2);
  const finest = new Float64Array(LIMITS.relay_shards);
  const add = (key: string, events: number): void => {
    const shard = shardOfKey(key, finest.length);
    finest[shard] = (finest[shard] ?? 0) + events;
  };
  const held = drawn(
    assumed.listings,
    Math.ceil(assumed.listings / assumed.listings_per_author),
    assumed.exponent,
    random,
  );
  held.forEach((listings, author) => {
    add(publicKeyAt(author), listings * assumed.events_per_listing);
  });
  add(publicKeyAt(-1), assumed.listings * assumed.rated);
  const ratings = assumed.listings * assumed.ratings_per_listing;
  for (let index = 0; index < ratings; index += 1) {
    const shard = Math.floor(random() * finest.length);
    finest[shard] = (finest[shard] ?? 0) + 1;
  }
  return counts.map((count) => {
    const width = finest.length / count;
    const shards = Array.from({ length: count }, (_, shard) =>
      finest.subarray(shard * width, (shard + 1) * width).reduce((sum, events) => sum + events, 0),
    );
    return spreadOf(shards);
  });
}

/** Claims on the objects of receipts: payment hashes are as even as hashes are. */
export function receiptSpread({ listings, payments_per_listing }: Assumptions): Spread {
  const random = seeded(3);
  const objects = new Float64Array(16 ** LIMITS.receipt_shard_digits);
  for (let index = 0; index < listings * payments_per_listing; index += 1) {
    const object = Math.floor(random() * objects.length);
    objects[object] = (objects[object] ?? 0) + 1;
  }
  return spreadOf(objects);
}

/** Ratings on the objects of listings, of which each has its own; and on how many more come than one keeps. */
export function reputationSpread({ listings, ratings_per_listing, exponent }: Assumptions): Spread & {
  readonly full: number;
  readonly dropped_share: number;
} {
  const ratings = listings * ratings_per_listing;
  const objects = drawn(ratings, listings, exponent, seeded(4));
  const over = objects.filter((count) => count > LIMITS.reputation_inputs);
  const dropped = over.reduce((sum, count) => sum + count - LIMITS.reputation_inputs, 0);
  return { ...spreadOf(objects), full: over.length, dropped_share: dropped / ratings };
}

/** How often each of `places` was drawn in so many draws. */
function drawn(draws: number, places: number, exponent: number, random: () => number): Float64Array {
  const pick = zipf(places, exponent, random);
  const counts = new Float64Array(places);
  for (let index = 0; index < draws; index += 1) {
    const place = pick();
    counts[place] = (counts[place] ?? 0) + 1;
  }
  return counts;
}

function spreadOf(loads: ArrayLike<number> & Iterable<number>): Spread {
  let [sum, largest] = [0, 0];
  for (const load of loads) {
    sum += load;
    largest = Math.max(largest, load);
  }
  return { objects: loads.length, mean: sum / loads.length, largest };
}
