import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "@oa/shared/core/hash.ts";
import type { CatalogReputation, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { toEvent as manifestEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { toEvent as releaseEvent } from "@oa/shared/nostr/30052-release.ts";
import { toEvent as reputationEvent } from "@oa/shared/nostr/30384-reputation.ts";
import { tagValue } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import { eventHash, type NostrEvent } from "@oa/shared/nostr/verify.ts";
import { summaryOf } from "@oa/shared/reputation/summary.ts";
import { rollUpOf } from "../../fakes/roll-up.ts";

const EXAMPLES = join(import.meta.dirname, "../../../schemas/examples/upgrades");
const BASES = ["nightly-index", "release-watch", "repo-digest"].map(
  (name) => JSON.parse(readFileSync(join(EXAMPLES, `${name}.json`), "utf8")) as UpgradeManifest,
);
const INDEXER = publicKeyAt(-1);
const BACKENDS = ["ollama", "lexical-v1", "mlx", "llama.cpp", "foundation_models"];
const SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu".split(" ");
const WORDS = 3_000;
const TAGS = 400;
const CATEGORIES = 12;
/** One author for every five listings, as on npm a few hold very many. */
const LISTINGS_PER_AUTHOR = 5;
/** 2026-11-20. */
export const PUBLISHED_AT = 1_795_132_800;

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Picks from 0 to `count - 1` so that the k-th is picked in proportion to 1/k^exponent (Zipf). */
export function zipf(count: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let index = 0; index < count; index += 1) {
    sum += (index + 1) ** -exponent;
    sums[index] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** A key that nobody has the secret of. */
export function publicKeyAt(author: number): string {
  return sha256Hex(`author ${author}`);
}

/** One listing with its releases, and what its raters made of it. */
export interface Traded {
  readonly address: string;
  readonly events: readonly NostrEvent[];
  readonly reputation: { readonly summary: CatalogReputation; readonly event: NostrEvent } | null;
}

/**
 * So many listings, the same in every run: words, tags and authors as unevenly spread as in real catalogs, one release
 * each and more for one in five, ratings for one in three. Ids and hashes are true; signatures are noise, since the
 * relay checks those before the catalog sees an event.
 */
export function* market(listings: number, seed = 1): Generator<Traded> {
  const random = seeded(seed);
  const word = zipf(WORDS, 1, random);
  const tag = zipf(TAGS, 1, random);
  const author = zipf(Math.ceil(listings / LISTINGS_PER_AUTHOR), 1, random);
  const below = (count: number): number => Math.floor(random() * count);
  const words = (count: number): string => Array.from({ length: count }, () => wordAt(word())).join(" ");
  for (let index = 0; index < listings; index += 1) {
    const base = BASES[index % BASES.length] as UpgradeManifest;
    const pubkey = publicKeyAt(author());
    const paid = random() < 0.3;
    const title = words(3);
    const manifest: UpgradeManifest = {
      ...base,
      id: `made.upgrade-${index}`,
      version: `1.${below(9)}.0`,
      title: `${title.charAt(0).toUpperCase()}${title.slice(1)}`,
      summary: words(10 + below(30)),
      author: { name: wordAt(below(WORDS)), npub: hexToNpub(pubkey) },
      tags: [...new Set(Array.from({ length: 1 + below(4) }, () => `tag-${tag()}`))],
      categories: [`category-${below(CATEGORIES)}`],
      capabilities: {
        ...base.capabilities,
        platforms: random() < 0.5 ? ["macos", "linux"] : ["macos"],
        backends: [...new Set([BACKENDS[below(2)] ?? "", BACKENDS[below(BACKENDS.length)] ?? ""])],
      },
      pricing: paid ? { model: "per-run", amount_sats: 1 + below(5_000) } : { model: "free" },
    } as UpgradeManifest;
    const created_at = PUBLISHED_AT - below(40_000_000);
    const listing = made(pubkey, manifestEvent(manifest, { created_at }));
    const release = (version: string, at: number): NostrEvent =>
      made(
        pubkey,
        releaseEvent(
          { ...manifest, version },
          {
            ...{ author: pubkey, manifest_event_id: listing.id, manifest_sha256: tagValue(listing, "x") ?? "" },
            ...{ notes: words(30), channel: "main", created_at: at },
          },
        ),
      );
    const older = random() < 0.2 ? 1 + below(4) : 0;
    const address = `30051:${pubkey}:${manifest.id}`;
    yield {
      address,
      events: [
        listing,
        ...Array.from({ length: older }, (_, back) => release(`0.${back}.0`, created_at - 86_400 * (older - back))),
        release(manifest.version, created_at),
      ],
      reputation: random() < 0.33 ? reputationOf(address, 1_000 + below(4_000), below(200)) : null,
    };
  }
}

/** The k-th word, pronounceable so that stemming has something to do. */
export function wordAt(index: number): string {
  const parts = [index % 20, Math.floor(index / 20) % 20, Math.floor(index / 400) % 20, (index * 7) % 20];
  return parts.map((part) => SYLLABLES[part]).join("");
}

/** An event with a true id, and noise for a signature. */
export function made(pubkey: string, { kind, created_at, tags, content }: EventTemplate): NostrEvent {
  const event = { pubkey, kind, created_at, tags, content };
  const id = Buffer.from(eventHash(event)).toString("hex");
  return { id, ...event, sig: `${id}${sha256Hex(id)}` };
}

function reputationOf(listing: string, stars_milli: number, raters: number): Traded["reputation"] {
  const spread = Math.round(1_600 / Math.sqrt(raters + 5));
  const [low_milli, high_milli] = [Math.max(1_000, stars_milli - spread), Math.min(5_000, stars_milli + spread)];
  const rollup = rollUpOf(listing, {
    ...{ stars_milli, low_milli, high_milli, raters, unknown: 0, installs: raters, licences: 0, badges: [] },
    ...{ trend_30_milli: null, as_of: PUBLISHED_AT },
  });
  const event = made(INDEXER, reputationEvent(rollup));
  return { event, summary: summaryOf(rollup, event.id) };
}
