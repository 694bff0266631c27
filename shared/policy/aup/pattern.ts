import { assert } from "../../core/refusal.ts";
import type { Word } from "./words.ts";

/**
 * A phrase to look for, as data: words apart by spaces, each `a|b` alternatives, `stem*` any word that begins so, `~3` up
 * to three words of any kind between. No regular expression: matching takes time in proportion to the text.
 */
export interface Phrase {
  readonly slots: readonly Slot[];
}

type Slot = { readonly gap: number } | { readonly words: ReadonlySet<string>; readonly stems: readonly string[] };

const GAP_MAX = 8;

/** Reads a phrase. Throws where it could match anything at all: it is written by the project, never by an author. */
export function parsePhrase(text: string): Phrase {
  const slots = text.split(" ").map((slot): Slot => {
    if (/^~[1-8]$/.test(slot)) return { gap: Number(slot.slice(1)) };
    assert(/^[a-z0-9]+\*?(\|[a-z0-9]+\*?)*$/.test(slot), `${slot} is no word of a phrase in "${text}"`);
    const parts = slot.split("|");
    return {
      words: new Set(parts.filter((part) => !part.endsWith("*"))),
      stems: parts.filter((part) => part.endsWith("*")).map((part) => part.slice(0, -1)),
    };
  });
  const gaps = slots.reduce((sum, slot) => sum + ("gap" in slot ? slot.gap : 0), 0);
  assert(slots[0] !== undefined && !("gap" in slots[0]) && gaps <= GAP_MAX, `"${text}" begins with a word, gaps ≤ 8`);
  return { slots };
}

/** Whether a word fits one of the alternatives. */
export function fits(word: Word | undefined, slot: Extract<Slot, { stems: readonly string[] }>): boolean {
  if (word === undefined) return false;
  return word.forms.some((form) => slot.words.has(form) || slot.stems.some((stem) => form.startsWith(stem)));
}

/** Where the phrase ends that begins at word `start` (the index after its last word), or null. Within one clause. */
export function matchAt(phrase: Phrase, words: readonly Word[], start: number): number | null {
  const clause = words[start]?.clause;
  let reached = new Set([start]);
  for (const slot of phrase.slots) {
    const next = new Set<number>();
    for (const position of reached) {
      if ("gap" in slot) for (let skip = 0; skip <= slot.gap; skip += 1) next.add(position + skip);
      else if (words[position]?.clause === clause && fits(words[position], slot)) next.add(position + 1);
    }
    if (next.size === 0) return null;
    reached = next;
  }
  return Math.min(...reached);
}

/** Phrases by the word they begin with, so that each word of a text meets only those that can begin there. */
export interface PhraseIndex<T> {
  readonly at: (word: Word) => readonly { readonly phrase: Phrase; readonly of: T }[];
}

export function indexPhrases<T>(entries: readonly { readonly phrase: Phrase; readonly of: T }[]): PhraseIndex<T> {
  const whole = new Map<string, typeof entries>();
  const stems = new Map<string, typeof entries>();
  for (const entry of entries) {
    const [first] = entry.phrase.slots;
    if (first === undefined || "gap" in first) continue;
    for (const word of first.words) whole.set(word, [...(whole.get(word) ?? []), entry]);
    for (const stem of first.stems) stems.set(stem, [...(stems.get(stem) ?? []), entry]);
  }
  const longest = Math.max(0, ...[...stems.keys()].map((stem) => stem.length));
  return {
    at: ({ forms }) => {
      const found = new Set<(typeof entries)[number]>();
      for (const form of forms) {
        for (const entry of whole.get(form) ?? []) found.add(entry);
        for (let length = Math.min(longest, form.length); length > 0; length -= 1) {
          for (const entry of stems.get(form.slice(0, length)) ?? []) found.add(entry);
        }
      }
      return [...found];
    },
  };
}
