const COMPOUND = /[\p{L}\p{N}_$]*(?:\p{Ll}\p{Lu}|\p{Lu}\p{Lu}\p{Ll}|\p{L}\p{N}|\p{N}\p{L})[\p{L}\p{N}_$]*/gu;
const PARTS = /\p{Lu}+(?!\p{Ll})|\p{Lu}?[\p{Ll}\p{Lo}\p{Lm}]+|\p{N}+/gu;

/** The parts of an identifier: `parseHTTPRequest_v2` gives parse, HTTP, Request, v, 2. */
export function identifierParts(identifier: string): readonly string[] {
  return identifier.match(PARTS) ?? [];
}

/** The parts of every compound identifier in the text, for the index to hold beside the text itself. */
export function splitIdentifiers(text: string): string {
  const parts: string[] = [];
  for (const [identifier] of text.matchAll(COMPOUND)) {
    // A word of hundreds of characters is data (base64, a minified line), not a name.
    if (identifier.length <= 80) parts.push(...identifierParts(identifier));
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
