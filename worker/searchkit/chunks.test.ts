import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { chunkLines, type Definition, linesOf } from "./chunks.ts";

const filled = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `line ${at + 1}`);
const block = (name: string, line_start: number, line_end: number): Definition => ({
  name,
  kind: "function",
  line_start,
  line_end,
});

describe("cutting a file into chunks", () => {
  it("keeps a definition that fits whole, with the comment above it", () => {
    const lines = filled(20).map((line, at) => (at === 8 || at === 9 ? `// ${line}` : line));
    assert.deepEqual(chunkLines(lines, [block("f", 11, 15)]), [
      { line_start: 1, line_end: 8, symbol: null },
      { line_start: 9, line_end: 15, symbol: "f" },
      { line_start: 16, line_end: 20, symbol: null },
    ]);
  });
  it("cuts a large definition along the definitions inside it", () => {
    const found = chunkLines(filled(100), [block("C", 1, 100), block("m", 10, 60), block("n", 61, 99)]);
    assert.deepEqual(
      found.map(({ line_start, symbol }) => [line_start, symbol]),
      [
        [1, "C"],
        [10, "m"],
        [61, "n"],
        [100, "C"],
      ],
    );
  });
  it("leaves one-line definitions in the window around them", () => {
    assert.deepEqual(chunkLines(filled(5), [block("a", 2, 2), block("b", 3, 3)]), [
      { line_start: 1, line_end: 5, symbol: null },
    ]);
  });
  it("never cuts a line, however long", () => {
    const lines = ["a", "x".repeat(LIMITS.search_chunk_chars * 3), "b"];
    assert.equal(chunkLines(lines, []).length, 3);
  });
  it("ends a chunk with the empty lines after it, and begins none with them", () => {
    const lines = ["", "a", "", "", "f {", "  1", "}", "", " ", "b"];
    assert.deepEqual(chunkLines(lines, [block("f", 5, 7)]), [
      { line_start: 1, line_end: 4, symbol: null },
      { line_start: 5, line_end: 9, symbol: "f" },
      { line_start: 10, line_end: 10, symbol: null },
    ]);
    const empty = Array.from({ length: LIMITS.search_chunk_lines * 3 }, () => "");
    for (const { line_start, line_end } of chunkLines(empty, [])) {
      assert.ok(line_end - line_start < LIMITS.search_chunk_lines);
    }
  });
  it("gives an empty file no chunk", () => {
    assert.deepEqual(chunkLines(linesOf(""), []), []);
  });
});

it("lines are counted as grep counts them", () => {
  assert.deepEqual(linesOf("a\nb"), ["a", "b"]);
  assert.deepEqual(linesOf("a\nb\n"), ["a", "b"]);
  assert.deepEqual(linesOf("\n\n"), ["", ""]);
  assert.deepEqual(linesOf("a\r\nb\r"), ["a\r", "b\r"]);
});
