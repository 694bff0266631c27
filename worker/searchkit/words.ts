const WORD = /[\p{L}\p{N}_$]+/gu;
const PARTS = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lo}\p{Lm}]+|\p{N}+/gu;
// The same without Unicode tables, which cost most of the time, for the text that needs none.
const ASCII_WORD = /[A-Za-z0-9_$]+/g;
const ASCII_PARTS = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+/g;
const SEAM = /[a-z][A-Z]|[A-Z][A-Z][a-z]|[A-Za-z][0-9]|[0-9][A-Za-z]|[^\0-\x7f]/;
const NOT_ASCII = /[^\0-\x7f]/;

/** The parts of an identifier: `parseHTTPRequest_v2` gives parse, HTTP, Request, v, 2. */
export function identifierParts(identifier: string): readonly string[] {
  return identifier.match(NOT_ASCII.test(identifier) ? PARTS : ASCII_PARTS) ?? [];
}

/** The parts of every compound identifier in the text, for the index to hold beside the text itself. */
export function splitIdentifiers(text: string): string {
  const parts: string[] = [];
  for (const word of text.match(NOT_ASCII.test(text) ? WORD : ASCII_WORD) ?? []) {
    // A word of hundreds of characters is data (base64, a minified line), not a name.
    if (word.length <= 80 && SEAM.test(word)) parts.push(...identifierParts(word));
  }
  return parts.join(" ");
}

/** A query's words as the index knows them: whole identifiers and their parts, in lower case, each once, at most 40. */
export function queryTerms(query: string): readonly string[] {
  const terms = new Set<string>();
  for (const [word] of query.matchAll(/[\p{L}\p{N}_$]+/gu)) {
    for (const piece of word.split(/[_$]+/)) if (piece !== "") terms.add(piece.toLowerCase());
    for (const part of identifierParts(word)) terms.add(part.toLowerCase());
  }
  return [...terms].slice(0, 40);
}
