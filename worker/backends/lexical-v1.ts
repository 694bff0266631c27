import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { Embeddings, EmbedRequest } from "./backend.ts";

/**
 * The embedding that needs no model: a text's words, the parts of its identifiers and the character trigrams of both,
 * hashed into a vector with sublinear term frequency and, given a corpus, inverse document frequency. It finds texts
 * that share words and parts of words. It knows no meaning: "car" and "automobile" are strangers to it.
 */
export const LEXICAL_MODEL = "lexical-v1";

/** Document frequencies are counted in this many hashed buckets; bucket 0 holds the number of documents. */
const BUCKETS = 65_536;

export function embedLexical({ texts, dim, corpus }: Omit<EmbedRequest, "signal">): Embeddings {
  const length = dim ?? LIMITS.lexical_dim_default;
  if (length > LIMITS.lexical_dim_max) {
    throw new Fault(
      "embedding_mismatch",
      `lexical-v1 makes vectors of up to ${LIMITS.lexical_dim_max} numbers; dim is ${length}`,
    );
  }
  const frequencies = corpus === null ? null : view(corpus);
  return {
    model: LEXICAL_MODEL,
    dim: length,
    vectors: texts.map((text) => vectorOf(text, length, frequencies)),
  };
}

/** `corpus` with these documents counted; null starts a new one. Returns a new array. */
export function learnLexical(texts: readonly string[], corpus: Uint8Array | null): Uint8Array {
  const counts = new Uint32Array(BUCKETS);
  if (corpus !== null) counts.set(view(corpus));
  for (const text of texts) {
    counts[0] = (counts[0] ?? 0) + 1;
    const buckets = new Set<number>();
    for (const hash of features(text).keys()) buckets.add(bucketOf(hash));
    for (const bucket of buckets) counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return new Uint8Array(counts.buffer);
}

function view(corpus: Uint8Array): Uint32Array {
  if (corpus.byteLength !== BUCKETS * 4) {
    throw new Fault(
      "embedding_mismatch",
      "the word statistics of this index were not made by lexical-v1: embed it again",
    );
  }
  return new Uint32Array(corpus.slice().buffer);
}

function vectorOf(text: string, dim: number, frequencies: Uint32Array | null): Float32Array {
  const vector = new Float32Array(dim);
  const documents = frequencies?.[0] ?? 0;
  for (const [hash, count] of features(text)) {
    const idf = frequencies === null ? 1 : Math.log(1 + documents / (1 + (frequencies[bucketOf(hash)] ?? 0)));
    const weight = (1 + Math.log(count)) * idf;
    // The sign comes from another bit than the place, so that features that fall together cancel out on average.
    const place = (hash >>> 1) % dim;
    vector[place] = (vector[place] ?? 0) + ((hash & 1) === 0 ? weight : -weight);
  }
  let norm = 0;
  for (const value of vector) norm += value * value;
  if (norm > 0) for (const [place, value] of vector.entries()) vector[place] = value / Math.sqrt(norm);
  return vector;
}

/** Hashes of a text's features and how often each occurs. */
function features(text: string): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  const add = (feature: string): void => {
    const hash = hashOf(feature);
    found.set(hash, (found.get(hash) ?? 0) + 1);
  };
  for (const [identifier] of text.matchAll(/[\p{L}\p{N}]+/gu)) {
    if (identifier.length > 64) continue;
    const parts = identifier.match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lo}\p{Lm}]+|\p{N}+/gu) ?? [];
    if (parts.length > 1) add(`w${identifier.toLowerCase()}`);
    for (const part of parts) {
      const word = part.toLowerCase();
      add(`w${word}`);
      const padded = `^${word}$`;
      if (word.length >= 3) for (let at = 0; at + 3 <= padded.length; at += 1) add(padded.slice(at, at + 3));
    }
  }
  return found;
}

/** FNV-1a over UTF-16 units, with a final mix, 32 bits. */
function hashOf(feature: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < feature.length; at += 1) hash = Math.imul(hash ^ feature.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function bucketOf(hash: number): number {
  return 1 + (hash % (BUCKETS - 1));
}
