import { divide, squareRoot } from "./arithmetic.ts";
import { FORMULA, WHOLE_PPM } from "./formula.ts";
import type { Rater } from "./rater.ts";

/** A score with how sure it is; stars in thousandths. */
export interface Score {
  readonly stars_milli: number;
  /** The 95% interval, within 1 and 5 stars. */
  readonly low_milli: number;
  readonly high_milli: number;
  /** How many raters of equal weight would be as good a sample, in thousandths; without the prior. */
  readonly effective_raters_milli: number;
}

const MILLI = 1_000n;
const [LEAST, MOST] = [1_000n, 5_000n];

/**
 * The Bayesian mean of weighed ratings: the prior counts as raters of its own. The interval is that of a weighed mean
 * with as many raters as the sample is worth (Kish) and the prior's, whose own spread keeps it wide while few have rated.
 */
export function scoreOf(weighed: readonly Pick<Rater, "rating" | "weight">[]): Score {
  const prior = BigInt(FORMULA.prior_raters) * WHOLE_PPM;
  const middle = BigInt(FORMULA.prior_stars_milli);
  let [total, squares, stars] = [0n, 0n, 0n];
  for (const { rating, weight } of weighed) {
    total += weight;
    squares += weight * weight;
    stars += weight * BigInt(rating.stars) * MILLI;
  }
  const mean = divide(prior * middle + stars, prior + total);
  const spread = BigInt(FORMULA.prior_spread_milli);
  let variance = prior * (spread * spread + (middle - mean) ** 2n);
  for (const { rating, weight } of weighed) variance += weight * (BigInt(rating.stars) * MILLI - mean) ** 2n;
  const effective_milli = squares === 0n ? 0n : divide(total * total * MILLI, squares);
  const raters_milli = effective_milli + BigInt(FORMULA.prior_raters) * MILLI;
  // The root of variance / raters, in thousandths of a star: both are scaled up before the root, so that it is exact.
  const error = squareRoot(divide(variance * MILLI, (prior + total) * raters_milli));
  const half = divide(BigInt(FORMULA.interval_z_milli) * error, MILLI);
  return {
    stars_milli: Number(mean),
    low_milli: Number(mean - half < LEAST ? LEAST : mean - half),
    high_milli: Number(mean + half > MOST ? MOST : mean + half),
    effective_raters_milli: Number(effective_milli),
  };
}

/** NIP-85's rank, 0 to 100: where the interval's lower end stands between one and five stars. */
export function rankOf({ low_milli }: Score): number {
  return Number(divide((BigInt(low_milli) - LEAST) * 100n, MOST - LEAST));
}
