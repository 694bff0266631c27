import type { CatalogReputation } from "@oa/shared/generated/types.ts";
import { counted, stars } from "./words.ts";

/**
 * What a listing's page says of its reputation, word for word. As with what its author signed, the page is written with
 * it, and the check in the browser compares the page with it.
 */
export interface Rated {
  readonly score: readonly string[];
  readonly sure: readonly string[];
  readonly trend: readonly string[];
  readonly unproven: readonly string[];
  readonly use: readonly string[];
  readonly badges: readonly string[];
}

export function ratedOf(reputation: CatalogReputation): Rated {
  const { raters, low_milli, high_milli, unknown, installs, licences } = reputation;
  return {
    score: [raters === 0 ? "No rating counts yet." : `${stars(reputation.stars_milli)} of 5 stars`],
    sure:
      raters === 0
        ? []
        : [
            `by ${counted(raters, "rater")} with proof of use. With 95% confidence it is between ${stars(low_milli)} and ${stars(high_milli)}.`,
          ],
    trend: trendInWords(reputation),
    unproven: [
      unknown === 0
        ? "no rating by an unknown key"
        : `${counted(unknown, "rating")} by unknown keys, shown apart: they are not in the score`,
    ],
    use: [`${counted(installs, "worker")} attested a run, ${counted(licences, "licence")} in force`],
    badges: reputation.badges.map((badge) => badge.replaceAll("_", " ")),
  };
}

function trendInWords({ trend_7_milli, trend_30_milli, trend_90_milli }: CatalogReputation): readonly string[] {
  const told = [
    [trend_7_milli, 7],
    [trend_30_milli, 30],
    [trend_90_milli, 90],
  ] as const;
  const parts = told.flatMap(([milli, days]) => (milli === null ? [] : [`${movement(milli)} in ${days} days`]));
  return parts.length === 0 ? [] : [parts.join(", ")];
}

function movement(milli: number): string {
  return milli === 0 ? "unchanged" : `${milli > 0 ? "▲ up" : "▼ down"} ${(Math.abs(milli) / 1_000).toFixed(2)} stars`;
}
