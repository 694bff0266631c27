import { LIMITS } from "./limits.ts";
import { assert, type Rejection, reject } from "./refusal.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * RFC 8785 (JCS) form of a JSON value: keys sorted by UTF-16 code units, numbers as ECMAScript prints them, no space.
 * Members that are `undefined` are left out, as JSON.stringify does. A lone surrogate, a number that is not finite or a
 * value that is not JSON is a broken assumption and throws: outside input has been through `parseStrict` before.
 */
export function canonicalize(value: unknown): string {
  switch (typeof value) {
    case "string":
      return canonicalString(value);
    case "number":
      assert(Number.isFinite(value), "only finite numbers have a canonical form");
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return `[${value.map(canonicalize).join(",")}]`;
      const record = value as Readonly<Record<string, unknown>>;
      let members = "";
      for (const key of sortedKeys(record)) {
        const member = record[key];
        if (member === undefined) continue;
        members += `${members === "" ? "" : ","}${canonicalString(key)}:${canonicalize(member)}`;
      }
      return `{${members}}`;
    }
    default:
      throw new Error(`assertion failed: ${typeof value} is not JSON`);
  }
}

/** The keys of an object by UTF-16 code units. Most that come here stand in that order already. */
export function sortedKeys(record: object): readonly string[] {
  const keys = Object.keys(record);
  for (let at = 1; at < keys.length; at += 1) if ((keys[at - 1] ?? "") > (keys[at] ?? "")) return keys.sort();
  return keys;
}

/** Text that stands for itself between quotes: nothing to escape, no surrogates. */
const BARE = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

function canonicalString(value: string): string {
  if (BARE.test(value)) return `"${value}"`;
  assert(!/\p{Surrogate}/u.test(value), "a lone surrogate has no canonical form");
  return JSON.stringify(value);
}

/**
 * Parses JSON (RFC 8259) from outside, in time linear to its length, and refuses what different readers understand
 * differently or what has no exact value: `json_invalid`, `json_duplicate_key`, `json_lone_surrogate`,
 * `json_unsafe_number` (not finite, or an integer beyond 2^53 − 1), `json_too_deep`, `too_large`. A `__proto__` member
 * becomes an own property like any other. `bytes` counts UTF-8; `depth` counts nested arrays and objects.
 */
export function parseStrict(
  text: string,
  limits: { readonly bytes?: number; readonly depth?: number } = {},
): { readonly value: Json } | Rejection {
  const bytes_max = limits.bytes ?? LIMITS.json_bytes;
  if (text.length > bytes_max || (text.length * 3 > bytes_max && utf8Length(text) > bytes_max)) {
    return reject("too_large", `the JSON text is longer than ${bytes_max} bytes`);
  }
  if (SURROGATE.test(text)) return reject("json_lone_surrogate", "the JSON text has a lone surrogate");
  try {
    return { value: readDocument({ text, at: 0, depth_max: limits.depth ?? LIMITS.json_depth }) };
  } catch (error) {
    if (error instanceof Unreadable) return error.rejection;
    throw error;
  }
}

/** Carries a refusal out of the parser's recursion, which `depth` bounds. */
class Unreadable extends Error {
  readonly rejection: Rejection;
  constructor(rejection: Rejection) {
    super(rejection.message);
    this.rejection = rejection;
  }
}

interface Source {
  readonly text: string;
  readonly depth_max: number;
  /** The next character to read. */
  at: number;
}

const SURROGATE = /\p{Surrogate}/u;
const PLAIN = /[ !#-[\]-\uffff]*/y;
const ESCAPED = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const OWN = { writable: true, enumerable: true, configurable: true };

function readDocument(source: Source): Json {
  skipSpace(source);
  const value = readValue(source, 0);
  if (source.at < source.text.length) throw unexpected(source);
  return value;
}

function readValue(source: Source, depth: number): Json {
  const value = readBare(source, depth);
  skipSpace(source);
  return value;
}

function readBare(source: Source, depth: number): Json {
  switch (source.text[source.at]) {
    case "{":
      return readObject(source, depth + 1);
    case "[":
      return readArray(source, depth + 1);
    case '"':
      return readString(source);
    case "t":
      return readWord(source, "true", true);
    case "f":
      return readWord(source, "false", false);
    case "n":
      return readWord(source, "null", null);
    default:
      return readNumber(source);
  }
}

function readArray(source: Source, depth: number): readonly Json[] {
  enter(source, depth);
  const items: Json[] = [];
  while (source.text[source.at] !== "]") {
    if (items.length > 0) readComma(source);
    items.push(readValue(source, depth));
  }
  source.at += 1;
  return items;
}

function readObject(source: Source, depth: number): { readonly [key: string]: Json } {
  enter(source, depth);
  const members: Record<string, Json> = {};
  for (let first = true; source.text[source.at] !== "}"; first = false) {
    if (!first) readComma(source);
    const start = source.at;
    const key = readString(source);
    if (Object.hasOwn(members, key)) {
      const message = `the key ${JSON.stringify(key)} at character ${start} is there twice`;
      throw new Unreadable(reject("json_duplicate_key", message));
    }
    skipSpace(source);
    readWord(source, ":", null);
    skipSpace(source);
    const value = readValue(source, depth);
    if (key === "__proto__") Object.defineProperty(members, key, { value, ...OWN });
    else members[key] = value;
  }
  source.at += 1;
  return members;
}

function readString(source: Source): string {
  const { text } = source;
  const start = source.at;
  if (text[start] !== '"') throw unexpected(source);
  source.at += 1;
  take(source, PLAIN);
  if (text[source.at] === '"') {
    source.at += 1;
    return text.slice(start + 1, source.at - 1);
  }
  while (text[source.at] === "\\") {
    if (take(source, ESCAPED) === "") throw unexpected(source);
    take(source, PLAIN);
  }
  if (text[source.at] !== '"') throw unexpected(source);
  source.at += 1;
  const value = JSON.parse(text.slice(start, source.at)) as string;
  if (SURROGATE.test(value)) {
    throw new Unreadable(reject("json_lone_surrogate", `the string at character ${start} has a lone surrogate`));
  }
  return value;
}

function readNumber(source: Source): number {
  const start = source.at;
  const digits = take(source, NUMBER);
  if (digits === "") throw unexpected(source);
  const value = Number(digits);
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    const shown = digits.length > 40 ? `${digits.slice(0, 40)}…` : digits;
    const message = `the number ${shown} at character ${start} cannot be kept exactly`;
    throw new Unreadable(reject("json_unsafe_number", message));
  }
  return value;
}

function readWord<T extends Json>(source: Source, word: string, value: T): T {
  if (!source.text.startsWith(word, source.at)) throw unexpected(source);
  source.at += word.length;
  return value;
}

function readComma(source: Source): void {
  readWord(source, ",", null);
  skipSpace(source);
  const next = source.text[source.at];
  if (next === "]" || next === "}") throw unexpected(source);
}

function enter(source: Source, depth: number): void {
  if (depth > source.depth_max) {
    const message = `the JSON text nests deeper than ${source.depth_max} levels`;
    throw new Unreadable(reject("json_too_deep", message));
  }
  source.at += 1;
  skipSpace(source);
}

function take(source: Source, pattern: RegExp): string {
  pattern.lastIndex = source.at;
  const found = pattern.exec(source.text)?.[0] ?? "";
  source.at += found.length;
  return found;
}

function skipSpace(source: Source): void {
  for (; ; source.at += 1) {
    const code = source.text.charCodeAt(source.at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
  }
}

function unexpected({ text, at }: Source): Unreadable {
  const found = at < text.length ? JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0)) : "end";
  return new Unreadable(reject("json_invalid", `not valid JSON: unexpected ${found} at character ${at}`));
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
