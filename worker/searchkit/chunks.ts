import { LIMITS } from "@oa/shared/core/limits.ts";

/** A definition in a file; lines are 1-based and inclusive. */
export interface Definition {
  readonly name: string;
  readonly kind: string;
  readonly line_start: number;
  readonly line_end: number;
}

/** A run of whole lines, named after the definition it belongs to. */
export interface LineRange {
  readonly line_start: number;
  readonly line_end: number;
  readonly symbol: string | null;
}

interface Block extends Definition {
  readonly children: Block[];
}

/** The lines of a text as grep counts them: ended by \n, and a last one without it if it is not empty. */
export function linesOf(text: string): readonly string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/**
 * Cuts a file into chunks that cover each of its lines exactly once, so that a search over chunks misses no line. A
 * definition that fits is one chunk together with the comment above it; a larger one is cut along the definitions
 * inside it, and what is between them into windows.
 */
export function chunkLines(lines: readonly string[], definitions: readonly Definition[]): readonly LineRange[] {
  const chunks: LineRange[] = [];
  let next = 1;
  const emit = (line_end: number, symbol: string | null): void => {
    while (next <= line_end) {
      const before = chunks.at(-1);
      // Empty lines end what is above them: alone, or ahead of what follows, they would be what a hit shows.
      if (before !== undefined && isBlank(lines, next) && next - before.line_start < LIMITS.search_chunk_lines) {
        chunks[chunks.length - 1] = { ...before, line_end: next };
        next += 1;
        continue;
      }
      const end = windowEnd(lines, next, line_end);
      chunks.push({ line_start: next, line_end: end, symbol });
      next = end + 1;
    }
  };
  const walk = (blocks: readonly Block[], last: number, owner: string | null): void => {
    for (const block of blocks) {
      if (block.line_end < next) continue;
      emit(Math.min(leadingComment(lines, block.line_start, next), last + 1) - 1, owner);
      const end = Math.min(block.line_end, last);
      if (block.children.length > 0 && windowEnd(lines, next, end) < end) walk(block.children, end, block.name);
      emit(end, block.name);
    }
    emit(last, owner);
  };
  walk(nest(definitions, lines.length), lines.length, null);
  return chunks;
}

function isBlank(lines: readonly string[], line: number): boolean {
  return (lines[line - 1] ?? "").trim() === "";
}

/** The last line of a chunk that starts at `from`: as many lines as the bounds allow, and always at least one. */
function windowEnd(lines: readonly string[], from: number, last: number): number {
  let chars = 0;
  let end = from;
  for (let line = from; line <= last && line < from + LIMITS.search_chunk_lines; line += 1) {
    chars += (lines[line - 1] ?? "").length + 1;
    if (chars > LIMITS.search_chunk_chars && line > from) break;
    end = line;
  }
  return end;
}

/** The first line of the comment or decorators directly above a definition, not before `from`. */
function leadingComment(lines: readonly string[], line_start: number, from: number): number {
  let first = Math.max(line_start, from);
  while (first > from && /^\s*(?:\/\/|\/\*|\*|#|@|--|""")/.test(lines[first - 2] ?? "")) first -= 1;
  return first;
}

function nest(definitions: readonly Definition[], line_count: number): readonly Block[] {
  const roots: Block[] = [];
  const open: Block[] = [];
  const sorted = definitions
    // What takes a line or two stays in the window around it: a chunk of its own would say nothing.
    .filter(({ line_start, line_end }) => line_start >= 1 && line_end >= line_start + 2 && line_start <= line_count)
    .toSorted((a, b) => a.line_start - b.line_start || b.line_end - a.line_end);
  for (const definition of sorted) {
    const block: Block = { ...definition, children: [] };
    while (open.length > 0 && (open.at(-1)?.line_end ?? 0) < block.line_end) open.pop();
    (open.at(-1)?.children ?? roots).push(block);
    open.push(block);
  }
  return roots;
}
