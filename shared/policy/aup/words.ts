/** One word of a text: the ways it can be read, the clause it stands in, and where it stood. */
export interface Word {
  /** Lower case, without accents; a second form where digits may stand for letters. */
  readonly forms: readonly string[];
  /** Counts clauses: a pattern never reaches over the end of one. */
  readonly clause: number;
  readonly start: number;
  readonly end: number;
}

/** Letters of other alphabets that look like Latin ones, for words that mix the two. */
const LOOKALIKES: Readonly<Record<string, string>> = Object.fromEntries(
  [..."аеорсхуіјѕԁһԛԝкмтвнαορνικτυ"].map((letter, at) => [letter, "aeopcxyijsdhqwkmtbhaopviktu"[at] ?? letter]),
);
const DIGITS: Readonly<Record<string, string>> = { "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t" };
const SIGNS: Readonly<Record<string, string>> = { ...DIGITS, "@": "a", $: "s" };

/**
 * The words of a text in order. What is written to slip past a reader of words is read as a person would: wide and
 * accented letters, letters of another alphabet, invisible characters, digits for letters, l e t t e r s apart. One
 * pass, whatever the text.
 */
export function wordsOf(text: string): readonly Word[] {
  const clean = text.normalize("NFKD").replace(/[\p{Mn}\p{Cf}]/gu, "");
  const words: Word[] = [];
  let clause = 0;
  let end = 0;
  for (const { 0: found, index } of clean.matchAll(/[\p{L}\p{N}]+(?:['’@$][\p{L}\p{N}]+)*/gu)) {
    // A full stop ends a clause where a space follows; "api.github.com" is one. A comma does not end it.
    if (/[!?;:—\n()[\]{}"“”]|\.\s|\s[-–]\s/.test(clean.slice(end, index))) clause += 1;
    end = index + found.length;
    for (const part of partsOf(found)) {
      words.push({ forms: formsOf(part.text), clause, start: index + part.start, end: index + part.end });
    }
  }
  return joinLetters(words);
}

/** `phishingKit` is two words, `DDoS` one. */
function partsOf(found: string): readonly { readonly text: string; readonly start: number; readonly end: number }[] {
  const cuts = [...found.matchAll(/(?<=\p{L}\p{L}\p{Ll})\p{Lu}(?=\p{Ll}\p{Ll})/gu)].map(({ index }) => index);
  return [0, ...cuts].map((start, at) => {
    const end = cuts[at] ?? found.length;
    return { text: found.slice(start, end), start, end };
  });
}

function formsOf(text: string): readonly string[] {
  const lower = text.toLowerCase().replace(/['’]/g, "");
  const latin = /[a-z]/.test(lower) ? lower.replace(/[^a-z0-9]/g, (letter) => LOOKALIKES[letter] ?? letter) : lower;
  if (!/[a-z]/.test(latin) || !/[0-9@$]/.test(latin)) return [latin];
  return [latin, latin.replace(/[0134578@$]/g, (sign) => SIGNS[sign] ?? sign)];
}

/** `p o r n` is one word: three or more single letters in a row. */
function joinLetters(words: readonly Word[]): readonly Word[] {
  const joined: Word[] = [];
  for (let at = 0; at < words.length; ) {
    const first = words[at];
    if (first === undefined) break;
    let after = at;
    let text = "";
    for (; ; after += 1) {
      const [letter = "", ...more] = words[after]?.forms ?? [];
      if (letter.length !== 1 || more.length > 0 || words[after]?.clause !== first.clause) break;
      text += letter;
    }
    const last = words[after - 1];
    if (after - at >= 3 && last !== undefined) {
      joined.push({ forms: [text], clause: first.clause, start: first.start, end: last.end });
      at = after;
    } else {
      joined.push(first);
      at += 1;
    }
  }
  return joined;
}
