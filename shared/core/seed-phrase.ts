import { sha256 } from "@noble/hashes/sha2.js";
import { wordlist } from "@scure/bip39/wordlists/english.js";

const WORDS: ReadonlyMap<string, number> = new Map(wordlist.map((word, at) => [word, at]));
const LENGTHS = [24, 21, 18, 15, 12];
/** Between two words of a written phrase: spaces, commas, line breaks, numbers; also as JSON writes them. */
const GAP = /^(?:[\s\d.,;:)\]|"'-]|\\[nrt]){1,8}$/;

export interface TextRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** Where seed phrases stand: 12 to 24 words of the English list in a row whose checksum is right (BIP-39). */
export function findSeedPhrases(text: string): readonly TextRange[] {
  const found: TextRange[] = [];
  let row: (TextRange & { readonly word: string })[] = [];
  const end = (): void => {
    found.push(...phrasesIn(row));
    row = [];
  };
  for (const { 0: match, 1: letters = "", index } of text.matchAll(/(?:\\[nrt])?([A-Za-z]+)/g)) {
    const word = letters.length > 8 ? "" : letters.toLowerCase();
    const start = index + match.length - letters.length;
    const last = row.at(-1);
    if (last !== undefined && !GAP.test(text.slice(last.end, Math.min(start, last.end + 9)))) end();
    if (WORDS.has(word)) row.push({ word, start, end: start + letters.length });
    else end();
  }
  end();
  return found;
}

function phrasesIn(row: readonly (TextRange & { readonly word: string })[]): readonly TextRange[] {
  const found: TextRange[] = [];
  for (let at = 0; at + 12 <= row.length; at += 1) {
    const length = LENGTHS.find((count) => {
      const words = row.slice(at, at + count).map(({ word }) => word);
      return words.length === count && !isListing(words) && hasChecksum(words);
    });
    const [first, last] = [row[at], row[at + (length ?? 0) - 1]];
    if (length === undefined || first === undefined || last === undefined) continue;
    found.push({ start: first.start, end: last.end });
    at += length - 1;
  }
  return found;
}

/** One word over and over is a test's phrase, and words in their order are the list itself. */
function isListing(words: readonly string[]): boolean {
  return new Set(words).size <= words.length / 2 || words.every((word, at) => at === 0 || (words[at - 1] ?? "") < word);
}

/** The last bits, one for every three words, are the first of the SHA-256 of those before them. */
function hasChecksum(words: readonly string[]): boolean {
  const sum_bits = words.length / 3;
  const bytes = new Uint8Array(Math.ceil((words.length * 11) / 8));
  for (const [at, word] of words.entries()) {
    const index = WORDS.get(word) ?? 0;
    for (let bit = 0; bit < 11; bit += 1) {
      if ((index >> (10 - bit)) & 1)
        bytes[(at * 11 + bit) >> 3] = (bytes[(at * 11 + bit) >> 3] ?? 0) | (128 >> ((at * 11 + bit) & 7));
    }
  }
  const entropy = bytes.subarray(0, (words.length * 11 - sum_bits) / 8);
  return (bytes[entropy.length] ?? 0) >> (8 - sum_bits) === (sha256(entropy)[0] ?? 0) >> (8 - sum_bits);
}
