import { createRequire } from "node:module";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Language as Grammar, Parser, Query } from "web-tree-sitter";
import type { Definition } from "./chunks.ts";
import type { Language } from "./languages.ts";

interface Loaded {
  readonly parser: Parser;
  readonly query: Query;
}

const require = createRequire(import.meta.url);
const loaded = new Map<string, Promise<Loaded>>();

/**
 * The definitions in a text, in order. Grammars are loaded on first use and kept for the thread's life. Text that
 * cannot be parsed within `LIMITS.search_parse_ms`, or is larger than `LIMITS.search_parse_bytes`, has none.
 */
export async function definitionsOf(language: Language, text: string): Promise<readonly Definition[]> {
  if (text.length > LIMITS.search_parse_bytes) return [];
  if (language.name === "shell") return shellFunctions(text);
  if (language.name === "markdown") return markdownSections(text);
  if (language.grammar === null) return [];
  const { parser, query } = await load(language);
  const deadline = performance.now() + LIMITS.search_parse_ms;
  const overdue = (): boolean => performance.now() > deadline;
  const tree = parser.parse(text, null, { progressCallback: overdue });
  if (tree === null) {
    parser.reset();
    return [];
  }
  try {
    const found = new Map<string, Definition>();
    const matches = query.matches(tree.rootNode, { progressCallback: overdue });
    for (const { captures } of matches.slice(0, LIMITS.search_symbols_per_file)) {
      const name = captures.find((capture) => capture.name === "name")?.node.text.trim();
      const definition = captures.find((capture) => capture.name !== "name");
      if (name === undefined || name === "" || name.length > 200 || definition === undefined) continue;
      const { startPosition, endPosition } = definition.node;
      // A node that ends with its newline ends at column 0 of the line after it.
      const line_end =
        Math.max(startPosition.row, endPosition.column === 0 ? endPosition.row - 1 : endPosition.row) + 1;
      const line_start = startPosition.row + 1;
      // The first pattern that names something says its kind; a decorated definition starts at its decorator.
      const key = `${line_end}:${name}`;
      if (!found.has(key)) found.set(key, { name, kind: definition.name, line_start, line_end });
    }
    return [...found.values()].toSorted((a, b) => a.line_start - b.line_start || b.line_end - a.line_end);
  } finally {
    tree.delete();
  }
}

function load(language: Language): Promise<Loaded> {
  const key = language.name;
  let promise = loaded.get(key);
  if (promise === undefined) {
    promise = (async () => {
      await Parser.init();
      const folder = require.resolve("@repomix/tree-sitter-wasms/package.json").replace(/package\.json$/, "out/");
      const grammar = await Grammar.load(`${folder}tree-sitter-${language.grammar}.wasm`);
      return { parser: new Parser().setLanguage(grammar), query: new Query(grammar, language.query) };
    })();
    loaded.set(key, promise);
  }
  return promise;
}

/** `name() {` or `function name {` up to the `}` with the same indentation. */
function shellFunctions(text: string): readonly Definition[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const match = /^(\s*)(?:function\s+([\w:.-]+)\s*(?:\(\s*\))?|([\w:.-]+)\s*\(\s*\))\s*[{(]?\s*(?:#.*)?$/.exec(line);
    const name = match?.[2] ?? match?.[3];
    if (match === null || name === undefined) return [];
    const close = lines.findIndex((other, at) => at > index && new RegExp(`^${match[1]}[})]`).test(other));
    return [{ name, kind: "function", line_start: index + 1, line_end: (close < 0 ? index : close) + 1 }];
  });
}

/** A heading up to the next one of its own level or above. */
function markdownSections(text: string): readonly Definition[] {
  const headings: { readonly name: string; readonly level: number; readonly line: number }[] = [];
  const lines = text.split("\n");
  let fenced = false;
  for (const [index, line] of lines.entries()) {
    if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced;
    const match = fenced ? null : /^(#{1,6})\s+(\S.{0,199}?)\s*#*\s*$/.exec(line);
    if (match !== null) headings.push({ name: match[2] ?? "", level: (match[1] ?? "").length, line: index + 1 });
  }
  const last = text.endsWith("\n") ? lines.length - 1 : lines.length;
  return headings.map(({ name, level, line }, index) => {
    const next = headings.slice(index + 1).find((other) => other.level <= level);
    return { name, kind: "section", line_start: line, line_end: next === undefined ? last : next.line - 1 };
  });
}
