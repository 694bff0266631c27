import { utf8ToBytes } from "@noble/hashes/utils.js";
import { base64, base64url, hex } from "@scure/base";
import { LIMITS } from "./limits.ts";
import type { TextRange } from "./seed-phrase.ts";
import { sieveOf } from "./sieve.ts";

/** A secret by its value. */
export interface NamedSecret {
  /** As a sentence calls it. */
  readonly name: string;
  readonly value: string;
}

export interface FoundSecret extends TextRange {
  readonly name: string;
}

/** Secrets whose values are known, in every form they may take on their way. */
export interface KnownSecrets {
  /**
   * Where they stand: as they are in any case of their letters, in hex, in base64 at any offset, and behind any mix of
   * JSON, percent and HTML escapes, broken into lines or cut off near their end.
   */
  readonly find: (text: string) => readonly FoundSecret[];
  /** The same without the quick look first that spares most texts the search. */
  readonly search: (text: string) => readonly FoundSecret[];
}

interface Form {
  readonly name: string;
  readonly text: string;
}

/** Secrets shorter than `LIMITS.secret_chars_min` would be found everywhere, and are not looked for. */
export function knownSecrets(secrets: readonly NamedSecret[]): KnownSecrets {
  const long = secrets.filter(({ value }) => value.length >= LIMITS.secret_chars_min);
  const plain: Form[] = [];
  const bare: Form[] = [];
  for (const { name, value } of long) {
    plain.push({ name, text: lowered(value) });
    const forms = new Set([value, ...inForm(value), ...encodingsOf(value)].map((form) => bareOf(form).text));
    for (const text of forms) if (text.length >= LIMITS.secret_chars_min) bare.push({ name, text });
  }
  const search = (text: string): readonly FoundSecret[] => {
    const { text: stripped, ranges } = bareOf(text);
    const found = occurrences(stripped, bare);
    if (ranges === undefined) return found;
    const { starts, ends } = ranges;
    const behind = found.map(({ name, start, end }) => {
      return { name, start: starts[start] ?? start, end: ends[end - 1] ?? end };
    });
    // A value may begin where an escape before it seems to go on.
    return [...behind, ...occurrences(lowered(text), plain)];
  };
  const sieve = sieveOf(
    [...plain, ...bare].map(({ text }) => headOf(text)),
    8,
  );
  const find = (text: string): readonly FoundSecret[] => {
    let bare_text = lowered(text);
    if (sieve(bare_text).size > 0) return search(text);
    for (let pass = 0; pass < PASSES && bare_text.search(ESCAPES) !== -1; pass += 1) {
      bare_text = bare_text.replace(ESCAPES, standsFor);
      if (sieve(bare_text).size > 0) return search(text);
    }
    return [];
  };
  return long.length === 0 ? { find: () => [], search: () => [] } : { find, search };
}

/** As much of a secret as must stand in a text: of one that was cut off near its end, three quarters. */
function headOf(form: string): string {
  return form.slice(0, Math.max(LIMITS.secret_chars_min, Math.ceil(form.length * 0.75)));
}

/** Also where only the beginning stands: a message that quotes may have cut off the rest. */
function occurrences(text: string, forms: readonly Form[]): FoundSecret[] {
  const found: FoundSecret[] = [];
  for (const { name, text: form } of forms) {
    const head = headOf(form);
    for (let at = text.indexOf(head); at >= 0; ) {
      let length = head.length;
      while (length < form.length && text[at + length] === form[length]) length += 1;
      found.push({ name, start: at, end: at + length });
      at = text.indexOf(head, at + length);
    }
  }
  return found;
}

/** As a web form writes spaces. */
function inForm(value: string): readonly string[] {
  return value.includes(" ") ? [value.replaceAll(" ", "+")] : [];
}

/** Hex, and base64 in both alphabets as it stands within more bytes, at each of the three offsets. */
function encodingsOf(value: string): readonly string[] {
  const bytes = utf8ToBytes(value);
  const forms = [hex.encode(bytes)];
  for (const before of [0, 1, 2]) {
    const padded = new Uint8Array(before + bytes.length);
    padded.set(bytes, before);
    // Digits that also hold bits of what stands before or after are left out.
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor((padded.length * 8) / 6);
    for (const alphabet of [base64, base64url]) forms.push(alphabet.encode(padded).slice(first, last));
  }
  return forms;
}

const ESCAPES =
  /\\+u00([0-9a-f]{2})|\\+u\{0{0,4}([0-9a-f]{2})\}|\\+x([0-9a-f]{2})|%(?:25){0,8}([0-9a-f]{2})|&#x0{0,4}([0-9a-f]{2});|&#0{0,4}([0-9]{2,3});|&(amp|lt|gt|quot|apos);|\\+(["'/\\])|\\+[nrt]|[\r\n]\s*|[\u00ad\u200b-\u200d\u2060\ufeff]/gi;
const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

interface Bare {
  readonly text: string;
  /** The range of the original text that each character stands for; absent where they are the same text. */
  readonly ranges?: { readonly starts: Uint32Array; readonly ends: Uint32Array };
}

/** Escapes within escapes are taken off this often. */
const PASSES = 4;

/** Text in lower case without escapes and line breaks. */
function bareOf(text: string): Bare {
  let bare: Bare = { text: lowered(text) };
  for (let pass = 0; pass < PASSES; pass += 1) {
    if (bare.text.search(ESCAPES) === -1) break;
    bare = unescapedOnce(bare);
  }
  return bare;
}

function unescapedOnce({ text, ranges }: Bare): Bare {
  const starts = new Uint32Array(text.length);
  const ends = new Uint32Array(text.length);
  const parts: string[] = [];
  let [length, position] = [0, 0];
  const take = (part: string, start: number, end: number | null): void => {
    parts.push(part);
    for (let at = 0; at < part.length; at += 1) {
      const [first, last] = end === null ? [start + at, start + at] : [start, end - 1];
      starts[length] = ranges?.starts[first] ?? first;
      ends[length] = ranges?.ends[last] ?? last + 1;
      length += 1;
    }
  };
  for (const match of text.matchAll(ESCAPES)) {
    const [whole, ...groups] = match;
    take(text.slice(position, match.index), position, null);
    position = match.index + whole.length;
    take(standsFor(whole, ...groups), match.index, position);
  }
  take(text.slice(position), position, null);
  return { text: parts.join(""), ranges: { starts, ends } };
}

/** What an escape stands for, by its match and groups, in lower case; nothing for what only breaks a word. */
function standsFor(
  _: string,
  unicode?: string,
  braced?: string,
  x?: string,
  percent?: string,
  entity?: string,
  decimal?: string,
  named?: string,
  escaped?: string,
): string {
  if (escaped !== undefined) return escaped;
  if (named !== undefined) return NAMED[named] ?? "";
  const digits = unicode ?? braced ?? x ?? percent ?? entity;
  if (digits !== undefined) return lowered(String.fromCharCode(Number.parseInt(digits, 16)));
  return decimal === undefined ? "" : lowered(String.fromCharCode(Number(decimal)));
}

/** In lower case, with as many characters as before: the one letter that would become two stays as it is. */
function lowered(text: string): string {
  const lower = text.toLowerCase();
  if (lower.length === text.length) return lower;
  const parts = text.split("\u0130");
  return parts.map((part) => part.toLowerCase()).join("\u0130");
}
