/** The places of marks, in the list the sieve was made of, that stand in a text. */
export type Sieve = (text: string) => ReadonlySet<number>;

const NONE: ReadonlySet<number> = new Set();
const SPREAD = 0x9e3779b1;

/**
 * Looks for many marks in one pass over a text: by a hash of the characters just gone by, which is nearly always that of
 * no mark. What it answers is exact. Marks have at least `window` characters: 4, or 8.
 */
export function sieveOf(marks: readonly string[], window: 4 | 8): Sieve {
  const shift = 32 / window;
  const places = new Map<number, number[]>();
  const maybe = new Uint8Array(65_536);
  for (const [place, mark] of marks.entries()) {
    let hash = 0;
    for (let at = 0; at < window; at += 1) hash = ((hash << shift) + Math.imul(mark.charCodeAt(at), SPREAD)) | 0;
    maybe[(hash ^ (hash >>> 16)) & 0xffff] = 1;
    places.set(hash, [...(places.get(hash) ?? []), place]);
  }
  return (text) => {
    let found: Set<number> | null = null;
    let hash = 0;
    for (let at = 0; at < text.length; at += 1) {
      hash = ((hash << shift) + Math.imul(text.charCodeAt(at), SPREAD)) | 0;
      if (maybe[(hash ^ (hash >>> 16)) & 0xffff] === 0) continue;
      for (const place of places.get(hash) ?? []) {
        if (found?.has(place) || !text.startsWith(marks[place] ?? "", at - window + 1)) continue;
        found ??= new Set();
        found.add(place);
      }
    }
    return found ?? NONE;
  };
}
