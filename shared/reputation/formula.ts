/**
 * The formula by which ratings become a score. All arithmetic is on whole numbers, so that everybody gets the same
 * score from the same events. A change of any number here, or of what is done with it, needs a new `version`.
 * Stars are in thousandths (`milli`), shares and weights in millionths (`ppm`); one rater's full weight is 1,000,000.
 */
export const FORMULA = {
  version: 1,
  /** What is believed before anybody has rated: as if this many raters had given these stars, so much apart. */
  prior_raters: 5,
  prior_stars_milli: 3_000,
  prior_spread_milli: 1_000,
  /** After this time a rating counts half, after twice that a quarter, on straight lines in between. */
  half_life_days: 180,
  /** What a rater weighs, by the best proof that the rater has used it. The rest are shown apart. */
  weight_ppm: { receipt: 1_000_000, attested: 500_000, trusted: 500_000 },
  /** Half the width of the 95% interval in standard errors, in thousandths. */
  interval_z_milli: 1_960,
  /** How far ahead of the time of reckoning a rater's clock may be. */
  ahead_s: 900,
  burst: { day_raters: 5, times_average: 3, window_days: 90 },
  retaliation: { low_stars: 2, within_days: 30, keep_ppm: 250_000 },
  collusion_ring: { high_stars: 4, hops: 3 },
  sybil_swarm: { free_raters: 3 },
  /** Trusted are anchors, whom an anchor follows, and whom so many of these follow. */
  trust: { followers: 2, first_ppm: 1_000_000, second_ppm: 500_000 },
} as const;

/** One whole, in millionths. */
export const WHOLE_PPM = 1_000_000n;
