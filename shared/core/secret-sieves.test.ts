/** Quick looks before a search change nothing: what is found with them is what is found without. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { entropyToMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import fc from "fast-check";
import { type KnownSecrets, knownSecrets } from "./known-secrets.ts";
import { SECRET_FORMATS } from "./secret-formats.ts";
import { findSecrets, holdsSecret } from "./secrets.ts";
import { searchSeedPhrases } from "./seed-phrase.ts";
import { sieveOf } from "./sieve.ts";

/** Texts of a format, with its longest parts kept short. */
const textsOf = ({ pattern }: (typeof SECRET_FORMATS)[number]): fc.Arbitrary<string> => {
  const source = pattern.source
    .replace(/\\b|\(\?<?!\[[^\]]*\]\)/g, "")
    .replace(/\{(\d+),(\d{2,})\}/g, (_, least: string) => `{${least},${Number(least) + 3}}`);
  return fc.stringMatching(new RegExp(`^(?:${source})$`));
};

const VALUES = ["S3cr3t/va+lue~with%41=odd\"ch'ars\\u0062&<x>", "correct horse battery", "ÄÖÜ-geheim-ſK"];
const known = knownSecrets(VALUES.map((value, at) => ({ name: `secret ${at}`, value })));
const hexOf = (char: string): string => char.charCodeAt(0).toString(16).padStart(2, "0").slice(-2);
const ESCAPES: readonly ((char: string) => string)[] = [
  ...[(char: string) => char, (char: string) => char.toUpperCase(), (char: string) => `\\u00${hexOf(char)}`],
  ...[
    (char: string) => `%${hexOf(char)}`,
    (char: string) => `%25${hexOf(char)}`,
    (char: string) => `&#x${hexOf(char)};`,
  ],
  ...[(char: string) => `${char}\n  `, (char: string) => `${char}\\n`, (char: string) => `${char}\u200b`],
];
const escaped = fc
  .tuple(fc.constantFrom(...VALUES), fc.array(fc.nat(ESCAPES.length - 1), { minLength: 1, maxLength: 60 }))
  .map(([value, how]) => [...value].map((char, at) => ESCAPES[how[at % how.length] ?? 0]?.(char) ?? char).join(""));
const encoded = fc.constantFrom(...VALUES).map((value) => Buffer.from(`x${value}y`).toString("base64"));

const words = fc.array(fc.constantFrom(...wordlist.slice(0, 50), "Zoo", "upon", "the", "x"), { maxLength: 30 });
const gaps = fc.constantFrom(" ", "\n", ", ", "\\n", " 12. ", "  ...   ", '", "', " - - - - -", "");
const rows = fc.tuple(words, gaps).map(([row, gap]) => row.join(gap));
const phrases = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 32 }), gaps)
  .map(([bytes, gap]) => entropyToMnemonic(bytes.slice(0, bytes.length & ~3), wordlist).replaceAll(" ", gap));
const pieces = fc.oneof(
  ...[rows, phrases, escaped, encoded, fc.string(), fc.string({ unit: "grapheme" })],
  fc.constantFrom(...SECRET_FORMATS).chain(textsOf),
  fc.constantFrom("\\", "\\n", "%", "%25", "&", "&amp;", "\r\n", " ", '"', "İ", "K", "-----BEGIN "),
);
const texts = fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join(""));

/** Every search there is, each over the whole text. */
function allFound(text: string, secrets: KnownSecrets): readonly object[] {
  const formats = SECRET_FORMATS.flatMap(({ name, pattern, check }) =>
    [...text.matchAll(pattern)]
      .filter(([match]) => check === undefined || check(match))
      .map(({ 0: match, index }) => ({ name, start: index, end: index + match.length })),
  );
  const phrases = searchSeedPhrases(text).map((range) => ({ name: "a seed phrase", ...range }));
  return [...secrets.search(text), ...formats, ...phrases];
}

test("what is found in a text is what every search by itself finds", () => {
  fc.assert(
    fc.property(texts, (text) => {
      assert.deepEqual(findSecrets(text, known), allFound(text, known));
      const held = SECRET_FORMATS.some(({ kind, name }) => {
        return (
          kind === "key" && allFound(text, knownSecrets([])).some((found) => "name" in found && found.name === name)
        );
      });
      assert.equal(holdsSecret(text), held);
    }),
    { numRuns: Number(process.env.OA_TEST_RUNS ?? 400) },
  );
});

test("a text of a format holds one of the format's marks", () => {
  for (const format of SECRET_FORMATS) {
    if (format.marks.length === 0) continue;
    fc.assert(
      fc.property(textsOf(format), (text) => format.marks.some((mark) => text.toLowerCase().includes(mark))),
      { numRuns: 50 },
    );
  }
  assert.ok(SECRET_FORMATS.filter(({ marks }) => marks.length === 0).length < 6, "nearly all have marks");
});

test("a sieve finds exactly the marks that stand in a text", () => {
  const chars = fc.string({ unit: fc.constantFrom("a", "b", "é", "\u4e00", "\uffff"), minLength: 4, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(chars, { maxLength: 20 }), fc.array(chars), (marks, parts) => {
      const text = parts.join("");
      const standing = marks.flatMap((mark, place) => (text.includes(mark) ? [place] : []));
      assert.deepEqual(
        [...sieveOf(marks, 4)(text)].sort((a, b) => a - b),
        standing,
      );
    }),
  );
});

test("only one letter changes its length in lower case", () => {
  const changed: string[] = [];
  for (let code = 0; code <= 0x10ffff; code += 1) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const char = String.fromCodePoint(code);
    if (char.toLowerCase().length !== char.length) changed.push(code.toString(16));
  }
  assert.deepEqual(changed, ["130"]);
});
