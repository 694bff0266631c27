import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { SearchHit } from "@oa/shared/generated/types.ts";
import type { IndexDatabase } from "./database.ts";
import { type ExactHit, exactMatches, isSecondary } from "./exact.ts";
import { queryTerms } from "./words.ts";

/** One ranked list of chunks, best first. */
interface Ranking {
  readonly reason: SearchHit["reasons"][number];
  readonly weight: number;
  readonly chunk_ids: readonly number[];
}

interface SymbolRow {
  readonly chunk_id: number;
  readonly name: string;
  readonly line_start: number;
  readonly line_end: number;
}

interface ChunkRow {
  readonly id: number;
  readonly path: string;
  readonly line_start: number;
  readonly line_end: number;
  readonly symbol: string | null;
  readonly text: string;
}

export interface Found {
  /** Best first. Every exact match is in them, and at most `limit` others. */
  readonly hits: readonly SearchHit[];
  /** The passages of the best hits, for a prompt. */
  readonly text: string;
  readonly exact_matches_total: number;
}

const RANK_OFFSET = 60;
/** What speaks of the source ranks below the source unless it is much nearer. */
const SECONDARY = 0.8;
const WEIGHTS = { exact: 3, symbol: 2, symbol_word: 0.5, bm25: 1, vector: 0.7 } as const;

/** Refuses what cannot be looked for in a line: `search_query_invalid`. */
export function checkQuery(query: string): void {
  const no = (why: string): Fault => new Fault("search_query_invalid", `the query ${why}`);
  if (query === "") throw no("is empty");
  if (query.length > LIMITS.search_query_chars) throw no(`is longer than ${LIMITS.search_query_chars} characters`);
  if (/[\n\0]/.test(query)) throw no("must be one line of text: lines are matched one at a time");
  if (/\p{Surrogate}/u.test(query)) throw no("holds half of a character (a lone surrogate)");
}

/**
 * All lines with the query in them, and the chunks nearest to it by name, words (BM25) and vectors, fused by reciprocal
 * rank: a chunk's score is the sum of weight / (60 + its rank) over the lists it is in, less for tests and documents.
 */
export async function search(
  db: IndexDatabase,
  query: string,
  limit: number,
  nearest: readonly number[],
): Promise<Found> {
  checkQuery(query);
  const exact = await exactMatches(db, query);
  const named = symbolMatches(db, query);
  const symbols = [...named.whole, ...named.words];
  const rankings: readonly Ranking[] = [
    { reason: "symbol", weight: WEIGHTS.symbol, chunk_ids: named.whole.map(({ chunk_id }) => chunk_id) },
    { reason: "symbol", weight: WEIGHTS.symbol_word, chunk_ids: named.words.map(({ chunk_id }) => chunk_id) },
    { reason: "bm25", weight: WEIGHTS.bm25, chunk_ids: wordMatches(db, query) },
    { reason: "vector", weight: WEIGHTS.vector, chunk_ids: nearest },
  ];
  const scores = new Map<number, { score: number; readonly reasons: SearchHit["reasons"][number][] }>();
  for (const { reason, weight, chunk_ids } of rankings) {
    for (const [rank, id] of [...new Set(chunk_ids)].entries()) {
      const entry = scores.get(id) ?? { score: 0, reasons: [] };
      entry.score += weight / (RANK_OFFSET + rank + 1);
      if (!entry.reasons.includes(reason)) entry.reasons.push(reason);
      scores.set(id, entry);
    }
  }
  const exactChunks = new Set(exact.hits.map(({ chunk_id }) => chunk_id));
  const others = [...scores].filter(([id]) => !exactChunks.has(id));
  const chunks = chunkReader(db);
  const found = [
    ...exact.hits.map((hit, rank) => ({ id: hit.chunk_id, hit: exactHit(hit, rank, scores.get(hit.chunk_id)) })),
    ...passagesOf(others, chunks, symbols).slice(0, limit),
  ].toSorted((a, b) => b.hit.score - a.hit.score);
  const best = found.slice(0, limit);
  const hits = found.map(({ id, hit }, index) => {
    const chunk = index < limit && hit.snippet === "" ? chunks(id) : undefined;
    return chunk === undefined ? hit : { ...hit, snippet: snippet(chunk, hit.line_start, hit.line_end) };
  });
  return { hits, text: passages(best, chunks), exact_matches_total: exact.total };
}

function passagesOf(
  ranked: readonly (readonly [number, { readonly score: number; readonly reasons: SearchHit["reasons"] }])[],
  chunks: (id: number) => ChunkRow | undefined,
  symbols: readonly SymbolRow[],
): readonly { readonly id: number; readonly hit: SearchHit }[] {
  return ranked
    .flatMap(([id, { score, reasons }]) => {
      const chunk = chunks(id);
      if (chunk === undefined) return [];
      const symbol = symbols.find(({ chunk_id }) => chunk_id === id);
      return [{ id, hit: passageHit(chunk, symbol, isSecondary(chunk.path) ? score * SECONDARY : score, reasons) }];
    })
    .toSorted((a, b) => b.hit.score - a.hit.score);
}

function exactHit(
  hit: ExactHit,
  rank: number,
  also: { readonly score: number; readonly reasons: SearchHit["reasons"] } | undefined,
): SearchHit {
  const score = WEIGHTS.exact / (RANK_OFFSET + rank + 1) + (also?.score ?? 0);
  return {
    path: hit.path,
    line_start: hit.lines[0] ?? 1,
    line_end: hit.lines.at(-1) ?? 1,
    symbol: hit.symbol,
    score: round(score),
    reasons: ["exact", ...(also?.reasons ?? [])],
    exact_lines: hit.lines,
    snippet: hit.first_line.trim().slice(0, LIMITS.search_snippet_chars / 4),
  };
}

function passageHit(
  chunk: ChunkRow,
  symbol: SymbolRow | undefined,
  score: number,
  reasons: SearchHit["reasons"],
): SearchHit {
  return {
    path: chunk.path,
    line_start: symbol?.line_start ?? chunk.line_start,
    line_end: symbol?.line_end ?? chunk.line_end,
    symbol: symbol?.name ?? chunk.symbol,
    score: round(score),
    reasons,
    snippet: "",
  };
}

function round(score: number): number {
  return Number(score.toFixed(6));
}

function snippet(chunk: ChunkRow, line_start: number, line_end: number): string {
  const from = Math.max(0, line_start - chunk.line_start);
  const lines = chunk.text
    .split("\n")
    .slice(from, from + Math.min(line_end - line_start + 1, LIMITS.search_snippet_lines));
  return lines.join("\n").slice(0, LIMITS.search_snippet_chars);
}

/** Whole chunks under a heading each, the best first, as many as fit. */
function passages(
  best: readonly { readonly id: number; readonly hit: SearchHit }[],
  chunks: (id: number) => ChunkRow | undefined,
): string {
  let text = "";
  for (const id of new Set(best.map((entry) => entry.id))) {
    const chunk = chunks(id);
    if (chunk === undefined) continue;
    const name = chunk.symbol === null ? "" : ` ${chunk.symbol}`;
    const passage = `## ${chunk.path}:${chunk.line_start}-${chunk.line_end}${name}\n${chunk.text}\n\n`;
    if (text.length + passage.length > LIMITS.search_text_chars) {
      if (text === "") text = passage.slice(0, LIMITS.search_text_chars);
      break;
    }
    text += passage;
  }
  return text.trimEnd();
}

function chunkReader(db: IndexDatabase): (id: number) => ChunkRow | undefined {
  const statement = db.prepare(
    `SELECT c.id, f.path, c.line_start, c.line_end, c.symbol, c.text
     FROM chunks c JOIN files f ON f.id = c.file_id WHERE c.id = ?`,
  );
  return (id) => {
    const chunk = statement.get(id) as unknown as ChunkRow | undefined;
    if (chunk === undefined) return undefined;
    // The empty lines that end a chunk are nothing to show.
    const text = chunk.text.trimEnd();
    const lines = text.split("\n").length;
    return { ...chunk, text, line_end: Math.min(chunk.line_end, chunk.line_start + lines - 1) };
  };
}

/** Definitions that the whole query names or begins, and those that single words of it name. */
function symbolMatches(
  db: IndexDatabase,
  query: string,
): { readonly whole: readonly SymbolRow[]; readonly words: readonly SymbolRow[] } {
  const select = `SELECT c.id AS chunk_id, s.name, s.line_start, s.line_end
    FROM symbols s JOIN chunks c ON c.file_id = s.file_id AND s.line_start BETWEEN c.line_start AND c.line_end`;
  const equal = db.prepare(
    `${select} WHERE s.name = ? COLLATE NOCASE ORDER BY s.name <> ?, s.kind = 'section', s.id LIMIT ?`,
  );
  const begins = db.prepare(
    `${select} WHERE s.name >= ? COLLATE NOCASE AND s.name < ? COLLATE NOCASE ORDER BY length(s.name), s.id LIMIT ?`,
  );
  const find = (name: string): readonly SymbolRow[] =>
    equal.all(name, name, LIMITS.search_candidates) as unknown as readonly SymbolRow[];
  const words = query.match(/[\p{L}_$][\p{L}\p{N}_$]*/gu) ?? [];
  const name = query.trim();
  const whole = [...find(name)];
  if (words.length === 1 && name.length >= 3) {
    whole.push(...(begins.all(name, `${name}\u{10ffff}`, LIMITS.search_candidates) as unknown as SymbolRow[]));
  }
  const telling = words.filter((word) => word.length >= 4 && word !== name && !FILLER.has(word.toLowerCase()));
  return { whole: whole.slice(0, LIMITS.search_candidates), words: telling.slice(0, 20).flatMap(find) };
}

/** Words that stand in almost every text say nothing about which one is meant. */
const FILLER = new Set(
  "a an and are as at be by can do does for from has have how i in is it its of on or that the there this to was what when where which who why will with".split(
    " ",
  ),
);

/** Chunk ids by BM25 over stemmed words, a definition's name and the path counting more than the body. */
function wordMatches(db: IndexDatabase, query: string): readonly number[] {
  const terms = queryTerms(query);
  const telling = terms.filter((term) => term.length > 1 && !FILLER.has(term));
  const wanted = telling.length > 0 ? telling : terms;
  if (wanted.length === 0) return [];
  const expression = wanted.map((term) => `"${term}"`).join(" OR ");
  const rows = db
    .prepare(
      `SELECT rowid AS id FROM words WHERE words MATCH ? AND rank MATCH 'bm25(5.0, 3.0, 1.0)' ORDER BY rank LIMIT ?`,
    )
    .all(expression, LIMITS.search_candidates);
  return rows.map(({ id }) => Number(id));
}
