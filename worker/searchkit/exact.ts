import { setImmediate as nextTurn } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Definition } from "./chunks.ts";
import type { IndexDatabase } from "./database.ts";

/** Lines of one definition within one chunk that contain the query. */
export interface ExactHit {
  readonly chunk_id: number;
  readonly path: string;
  readonly symbol: string | null;
  /** 1-based, ascending, at least one. */
  readonly lines: readonly number[];
  /** Its first 2,000 characters. */
  readonly first_line: string;
}

interface ChunkRow {
  readonly id: number;
  readonly path: string;
  readonly line_start: number;
  /** JSON of `Definition[]`. */
  readonly definitions: string;
  readonly text: string;
}

const PAGE = 200;

/**
 * Every line of the index that contains `query`, literally: `total` is what `grep -F` counts over the same files. The
 * chunks to scan come from the trigram index; a query of fewer than three characters scans them all. Hits beyond
 * `LIMITS.search_exact_hits` are only counted.
 */
export async function exactMatches(
  db: IndexDatabase,
  query: string,
): Promise<{ readonly total: number; readonly hits: readonly ExactHit[] }> {
  const hits: ExactHit[] = [];
  let total = 0;
  for await (const row of chunksHolding(db, query)) {
    const lines = matchingLines(row.text, query);
    total += lines.length;
    if (hits.length >= LIMITS.search_exact_hits) continue;
    const groups = new Map<string | null, number[]>();
    const symbols = JSON.parse(row.definitions) as readonly Definition[];
    for (const offset of lines) {
      const line = row.line_start + offset;
      const symbol = innermost(symbols, line);
      const group = groups.get(symbol);
      if (group === undefined) groups.set(symbol, [line]);
      else group.push(line);
    }
    for (const [symbol, group] of groups) {
      const first_line = row.text.split("\n", (group[0] ?? 0) - row.line_start + 1).at(-1) ?? "";
      hits.push({ chunk_id: row.id, path: row.path, symbol, lines: group, first_line: first_line.slice(0, 2_000) });
    }
  }
  return { total, hits: hits.slice(0, LIMITS.search_exact_hits).toSorted(byWorth(query)) };
}

/** The offsets of the lines of `text` that contain `query`, which holds no line feed. */
export function matchingLines(text: string, query: string): readonly number[] {
  const lines: number[] = [];
  let line = 0;
  let counted = 0;
  for (let at = text.indexOf(query); at >= 0; ) {
    for (let feed = text.indexOf("\n", counted); feed >= 0 && feed < at; feed = text.indexOf("\n", counted)) {
      line += 1;
      counted = feed + 1;
    }
    lines.push(line);
    const end = text.indexOf("\n", at);
    if (end < 0) break;
    at = text.indexOf(query, end + 1);
  }
  return lines;
}

/** The FTS5 expression that every chunk with `query` in it matches, or null for a query that is too short for one. */
export function trigramExpression(query: string): string | null {
  const chars = Array.from(query);
  const trigrams = new Set<string>();
  for (let at = 0; at + 3 <= chars.length; at += 1) trigrams.add(chars.slice(at, at + 3).join(""));
  if (trigrams.size === 0) return null;
  const step = Math.max(1, Math.ceil(trigrams.size / LIMITS.search_query_trigrams));
  return [...trigrams]
    .filter((_, index) => index % step === 0)
    .map((trigram) => `"${trigram.replaceAll('"', '""')}"`)
    .join(" AND ");
}

async function* chunksHolding(db: IndexDatabase, query: string): AsyncGenerator<ChunkRow> {
  const columns = "c.id, f.path, c.line_start, c.definitions, c.text FROM chunks c JOIN files f ON f.id = c.file_id";
  const expression = trigramExpression(query);
  if (expression === null) {
    const page = db.prepare(`SELECT ${columns} WHERE c.id > ? AND instr(c.text, ?) > 0 ORDER BY c.id LIMIT ?`);
    for (let last = 0; ; ) {
      const rows = page.all(last, query, PAGE) as unknown as readonly ChunkRow[];
      yield* rows;
      if (rows.length < PAGE) return;
      last = rows.at(-1)?.id ?? last;
      await nextTurn();
    }
  }
  const found = db.prepare("SELECT rowid AS id FROM trigrams WHERE trigrams MATCH ?").all(expression);
  const ids = found.map(({ id }) => Number(id));
  const page = db.prepare(
    `SELECT ${columns} WHERE c.id IN (SELECT value FROM json_each(?)) AND instr(c.text, ?) > 0 ORDER BY c.id`,
  );
  for (let at = 0; at < ids.length; at += PAGE) {
    yield* page.all(JSON.stringify(ids.slice(at, at + PAGE)), query) as unknown as readonly ChunkRow[];
    await nextTurn();
  }
}

function innermost(symbols: readonly Definition[], line: number): string | null {
  let best: Definition | null = null;
  for (const symbol of symbols) {
    if (symbol.line_start > line || symbol.line_end < line) continue;
    if (best === null || symbol.line_end - symbol.line_start < best.line_end - best.line_start) best = symbol;
  }
  return best?.name ?? null;
}

/** The definition of what was asked for, then whole words, then parts of words; the source before tests and documents. */
function byWorth(query: string): (a: ExactHit, b: ExactHit) => number {
  const literal = query.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const word = new RegExp(`(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])`, "u");
  const worth = new Map<ExactHit, number>();
  const rank = (hit: ExactHit): number => {
    let value = worth.get(hit);
    if (value === undefined) {
      value = (hit.symbol === query ? 0 : word.test(hit.first_line) ? 2 : 4) + (isSecondary(hit.path) ? 1 : 0);
      worth.set(hit, value);
    }
    return value;
  };
  return (a, b) => rank(a) - rank(b);
}

/** Tests, examples, documents and declarations: they speak of the source. */
export function isSecondary(path: string): boolean {
  return /(?:^|\/)(?:tests?|__tests__|spec|fixtures|examples|vendor)\/|[._-](?:test|spec)\.[a-z]+$|\.(?:mdx?|d\.[cm]?ts)$/i.test(
    path,
  );
}
