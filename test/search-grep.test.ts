import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { SearchHit } from "@oa/shared/generated/types.ts";
import { chunkLines } from "@oa/worker/searchkit/chunks.ts";
import { openSearchIndexes, type SearchIndexes } from "@oa/worker/searchkit/indexes.ts";
import fc from "fast-check";
import { grep, put, removeFolders, temporary, treeOf } from "./fakes/source-folder.ts";

const never = new AbortController().signal;
after(removeFolders);

const covered = (hits: readonly SearchHit[]): ReadonlySet<string> =>
  new Set(hits.flatMap(({ path, exact_lines }) => (exact_lines ?? []).map((line) => `${path}:${line}`)));

async function assertGrepParity(indexes: SearchIndexes, root: string, paths: readonly string[], query: string) {
  const answer = await indexes.query("x", query, {});
  const expected = grep(root, query, paths);
  assert.equal(answer.exact_matches_total, expected.length, `the count for ${JSON.stringify(query)}`);
  const lines = covered(answer.hits);
  assert.deepEqual(
    expected.filter((line) => !lines.has(line)),
    [],
    `lines without a hit for ${JSON.stringify(query)}`,
  );
  for (const { line_start, line_end, exact_lines = [] } of answer.hits) {
    assert.ok(exact_lines.every((line) => line >= line_start && line <= line_end));
  }
}

it("chunks cover every line exactly once, in order, whatever the definitions", () => {
  const line_number = fc.integer({ min: 1, max: 320 });
  const kind = fc.constant("function");
  const definition = fc.record({
    name: fc.constantFrom("a", "b"),
    kind,
    line_start: line_number,
    line_end: line_number,
  });
  const line = fc.oneof(fc.constantFrom("", "// note", "  x()", "}"), fc.constant("y".repeat(5_000)));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 300 }), fc.array(definition, { maxLength: 12 }), (lines, definitions) => {
      let next = 1;
      for (const chunk of chunkLines(lines, definitions)) {
        assert.equal(chunk.line_start, next);
        assert.ok(chunk.line_end >= next && chunk.line_end - next < LIMITS.search_chunk_lines);
        next = chunk.line_end + 1;
      }
      assert.equal(next, lines.length + 1);
    }),
  );
});

describe("every line grep finds is found", () => {
  const root = temporary();
  const indexes = openSearchIndexes(temporary());
  const files = {
    "crlf.txt": "one\r\ntwo needle\r\nneedle\r\n",
    "no-newline.txt": "needle\nlast needle",
    "bom.ts": "\ufeffexport const needle = 1;\n",
    "latin1.txt": Buffer.from("caf\xe9 needle\n\xff\xfe needle \xc3\n\xe2\x82needle\n", "latin1"),
    "long.js": `var a="${"needle,".repeat(40_000)}";\nneedle()\n`,
    "empty.txt": "",
    "newlines.txt": "\n\n\n",
    "unicode.md": "# Zoë 😀😀😀\nnaïve café\nnai\u0308ve\n日本語のテキスト\nneedle\u2028needle\n",
    "odd name [x]{y}.txt": "needle % _ \" ' \\ * ^ $ . needle\n",
    "punctuation.c": 'if (a && b) { return "x"; } // FROM(me): ???\n#define MAX(a,b) ((a)>(b)?(a):(b))\n',
    "nested/deep/er/code.py":
      "class Needle:\n    def find_needle(self):\n        return 'needle'\n\n\ndef needle():\n    pass\n",
    "tabs.txt": "\tneedle\t\n  needle  \n",
    "form-feed.txt": "a\fneedle\vb\rneedle\n",
    "UPPER.TXT": "NEEDLE Needle needle\n",
  };
  const paths = Object.keys(files);
  before(async () => {
    put(root, files);
    const stats = await indexes.update("x", await treeOf(root), {}, never);
    assert.equal(stats.files, paths.length);
  });
  const queries = [
    "needle",
    "Needle",
    "NEEDLE",
    "need",
    "ne",
    "n",
    "e",
    " ",
    "  ",
    "\t",
    "\r",
    "needle\r",
    "é",
    "ë",
    "café",
    "ï",
    "i\u0308",
    "😀",
    "😀😀😀",
    "日本",
    "日本語",
    "語のテ",
    '"',
    '"x"',
    "'",
    "\\",
    "%",
    "_",
    "* ^ $",
    ".",
    "&&",
    "???",
    "FROM(me)",
    "((a)>(b)",
    "def ",
    "    def",
    "\ufeff",
    "\ufeffexport",
    "a\f",
    "needle\u2028",
    "nowhere at all",
    "needle,needle,needle",
    "{",
    "}",
    "--",
    "-e",
    "OR",
    "NEAR(needle)",
    "needle*",
    "[x]",
    "class Needle:",
  ];
  for (const query of queries) {
    it(JSON.stringify(query), () => assertGrepParity(indexes, root, paths, query));
  }
  it("in any generated text, for any part of it", async () => {
    const words = fc.constantFrom("ab", "abc", "\n", "\r\n", " ", "é", "😀", "x_y", "\t", "aab", "\\");
    const text = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(""));
    const generated = temporary();
    const own = openSearchIndexes(temporary());
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 5 }),
        fc.array(words, { minLength: 1, maxLength: 4 }),
        async (texts, parts) => {
          const query = parts.join("").replaceAll("\n", "");
          fc.pre(query !== "");
          const made = Object.fromEntries(texts.map((content, at) => [`f${at}.txt`, content]));
          rmSync(generated, { recursive: true });
          mkdirSync(generated);
          put(generated, made);
          await own.update("x", await treeOf(generated), {}, never);
          await assertGrepParity(own, generated, Object.keys(made), query);
        },
      ),
      { numRuns: 15 },
    );
  });
});

it("this repository's own sources are searched as grep searches them", async () => {
  const root = join(import.meta.dirname, "..");
  const indexes = openSearchIndexes(temporary());
  const include = ["shared/core/**", "schemas/**", "worker/searchkit/**", "*.json", "*.yaml"];
  const exclude = ["**/node_modules/**"];
  await indexes.update("x", await treeOf(root), { include, exclude }, never);
  const answers = await Promise.all(["e", "{", "a", "["].map((query) => indexes.query("x", query, {})));
  const paths = [...new Set(answers.flatMap(({ hits }) => hits.map(({ path }) => path)))];
  for (const query of ["export function", "assert", "LIMITS.", "{", "https://", "RFC 8785", "=>", "§", "ts"]) {
    await assertGrepParity(indexes, root, paths, query);
  }
});
