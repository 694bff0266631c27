import type { Indexed } from "./indexed.ts";

export interface Question {
  readonly text: string;
  readonly price: string;
  readonly backend: string;
  readonly category: string;
  /** `rating`, `newest` or `price`; any other: by how well the words fit. */
  readonly sort: string;
}

/** What a word found at its beginning counts, by where; found inside a word it counts a third. */
const WEIGHTS = { title: 12, labels: 6, author: 4, summary: 3 } as const;

type Hit = { readonly row: Indexed; readonly at: number; readonly score: number };

/** The rows are newest first, so that their own order is one; it decides among equals. */
const ORDERS: Readonly<Record<string, (a: Hit, b: Hit) => number>> = {
  newest: () => 0,
  rating: (a, b) => (b.row.rating?.low_milli ?? 0) - (a.row.rating?.low_milli ?? 0),
  price: (a, b) => a.row.price_sats - b.row.price_sats,
};

/** Listings that have every word asked for, in the order asked for. */
export function rank(rows: readonly Indexed[], question: Question): readonly Indexed[] {
  const { text, price, backend, category, sort } = question;
  const order = ORDERS[sort] ?? ((a: Hit, b: Hit) => b.score - a.score);
  const words = fold(text)
    .split(/\s+/)
    .filter((word) => word !== "");
  return rows
    .filter(
      (row) =>
        (price === "" || (price === "free") === (row.price_sats === 0)) &&
        (backend === "" || row.backends.includes(backend)) &&
        (category === "" || row.categories.some((name) => name.toLowerCase() === category)),
    )
    .map((row, at) => ({ row, at, score: score(row, words) }))
    .filter(({ score }) => score > 0 || words.length === 0)
    .sort((a, b) => order(a, b) || a.at - b.at)
    .map(({ row }) => row);
}

function score(row: Indexed, words: readonly string[]): number {
  const fields: Readonly<Record<keyof typeof WEIGHTS, string>> = {
    title: fold(row.title),
    labels: fold([...row.categories, ...row.tags].join(" ")),
    author: fold(row.author),
    summary: fold(row.summary),
  };
  let total = 0;
  for (const word of words) {
    let best = 0;
    for (const name of ["title", "labels", "author", "summary"] as const) {
      const at = fields[name].indexOf(word);
      if (at === -1) continue;
      const begins = ` ${fields[name]}`.search(new RegExp(`[^\\p{L}\\p{N}]${escaped(word)}`, "u")) >= 0;
      best = Math.max(best, begins ? WEIGHTS[name] : WEIGHTS[name] / 3);
    }
    if (best === 0) return 0;
    total += best;
  }
  return total;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Case and accents do not matter. */
function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}
