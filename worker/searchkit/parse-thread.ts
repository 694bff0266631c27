import { createHash } from "node:crypto";
import { holdsSecret } from "@oa/shared/core/secrets.ts";
import { chunkLines, type Definition, linesOf } from "./chunks.ts";
import { languageOf } from "./languages.ts";
import { definitionsOf } from "./symbols.ts";
import { serveThread } from "./thread.ts";
import { splitIdentifiers } from "./words.ts";

/** One file to look at; `known_sha256` is what the index holds of it; `plain`: as lines, whatever its language. */
export interface ParseRequest {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly known_sha256: string | null;
  readonly plain: boolean;
}

export interface ParsedChunk {
  readonly line_start: number;
  readonly line_end: number;
  readonly symbol: string | null;
  /** Every definition with a line in the chunk. */
  readonly definitions: readonly Definition[];
  /** Of path, symbol and text: what a vector is made of, so an equal digest has an equal vector. */
  readonly digest: Uint8Array;
  readonly text: string;
  /** The definitions that start here, and the parts of the compound identifiers, for ranking. */
  readonly symbol_words: string;
  readonly body_words: string;
}

export type Parsed =
  | { readonly state: "same" | "binary" | "secret"; readonly sha256: string }
  | {
      readonly state: "indexed";
      readonly sha256: string;
      readonly language: string | null;
      readonly line_count: number;
      readonly symbols: readonly Definition[];
      readonly chunks: readonly ParsedChunk[];
      readonly path_words: string;
    };

serveThread(parse);

async function parse({ path, bytes, known_sha256, plain }: ParseRequest): Promise<Parsed> {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 === known_sha256) return { state: "same", sha256 };
  if (bytes.includes(0)) return { state: "binary", sha256 };
  // Bytes that are no UTF-8 become U+FFFD; a byte order mark stays, as grep sees it too.
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (holdsSecret(text)) return { state: "secret", sha256 };
  const language = languageOf(path);
  const symbols = language === undefined || plain ? [] : await definitionsOf(language, text);
  const lines = linesOf(text);
  const chunks = chunkLines(lines, symbols).map((range): ParsedChunk => {
    const part = lines.slice(range.line_start - 1, range.line_end).join("\n");
    const definitions = symbols.filter(
      (symbol) => symbol.line_start <= range.line_end && symbol.line_end >= range.line_start,
    );
    const names = definitions.filter(
      (symbol) => symbol.line_start >= range.line_start && symbol.line_start <= range.line_end,
    );
    const symbol_words = [...new Set([range.symbol ?? "", ...names.map(({ name }) => name)])].join(" ");
    return {
      ...range,
      definitions,
      digest: createHash("sha256")
        .update(`${path}\0${range.symbol ?? ""}\0${part}`)
        .digest()
        .subarray(0, 16),
      text: part,
      symbol_words: `${symbol_words} ${splitIdentifiers(symbol_words)}`,
      body_words: splitIdentifiers(part),
    };
  });
  const path_words = `${path} ${splitIdentifiers(path)}`;
  return {
    state: "indexed",
    sha256,
    language: language?.name ?? null,
    line_count: lines.length,
    symbols,
    chunks,
    path_words,
  };
}
