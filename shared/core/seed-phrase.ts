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
  return mayHoldPhrase(text) ? searchSeedPhrases(text) : [];
}

/** The same without the quick look first. */
export function searchSeedPhrases(text: string): readonly TextRange[] {
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

/** The shortest phrase: 12 words of 3 letters with a character between each two. */
const PHRASE_CHARS = 12 * 3 + 11;
/** How far apart two words of a phrase begin and end at most, and a little more. */
const GAP_CHARS = 10;

/**
 * Whether 12 words of the list stand near each other. Whatever phrase begins within the next few characters goes on
 * through the place that is looked at, so most of a text need not be read.
 */
function mayHoldPhrase(text: string): boolean {
  let from = 0;
  while (from + PHRASE_CHARS <= text.length) {
    const look = from + PHRASE_CHARS - GAP_CHARS;
    const at = nextLetter(text, look, 1);
    const word = at === null ? null : wordAt(text, at);
    if (word === null || !word.listed) {
      from = Math.max(look, word?.end ?? 0) + 1;
      continue;
    }
    let [count, end] = [1, word.end];
    for (let before = wordBefore(text, word); before?.listed && count < 12; before = wordBefore(text, before))
      count += 1;
    for (let after = wordAfter(text, word); after?.listed && count < 12; after = wordAfter(text, after)) {
      count += 1;
      end = after.end;
    }
    if (count >= 12) return true;
    from = end;
  }
  return false;
}

interface Word extends TextRange {
  /** Where it begins with the escape before it. */
  readonly from: number;
  readonly listed: boolean;
}

/** The listed word before one, near enough to be of the same phrase. */
function wordBefore(text: string, { from, start }: Word): Word | null {
  const at = nextLetter(text, from - 1, -1);
  const word = at === null ? null : wordAt(text, at);
  return word?.listed && GAP.test(text.slice(word.end, start)) ? word : null;
}

function wordAfter(text: string, { end }: Word): Word | null {
  const at = nextLetter(text, end, 1);
  const word = at === null ? null : wordAt(text, at);
  return word?.listed && GAP.test(text.slice(end, word.start)) ? word : null;
}

/** The letter at a place, or the next one in a direction as near as the words of a phrase are. */
function nextLetter(text: string, from: number, step: 1 | -1): number | null {
  for (let moved = 0; moved <= GAP_CHARS; moved += 1)
    if (isLetter(text, from + step * moved)) return from + step * moved;
  return null;
}

/** The letters around a place; those of an escape before them (`\\n`) do not belong to the word. */
function wordAt(text: string, at: number): Word {
  let [start, end] = [at, at + 1];
  while (isLetter(text, start - 1)) start -= 1;
  while (isLetter(text, end)) end += 1;
  const isEscape = text[start - 1] === "\\" && /[nrt]/.test(text[start] ?? "");
  const from = isEscape ? start - 1 : start;
  if (isEscape) start += 1;
  const length = end - start;
  return { from, start, end, listed: length >= 3 && length <= 8 && WORDS.has(text.slice(start, end).toLowerCase()) };
}

function isLetter(text: string, at: number): boolean {
  const code = text.charCodeAt(at) | 32;
  return code >= 97 && code <= 122;
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
