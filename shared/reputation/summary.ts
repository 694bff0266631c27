import type { CatalogReputation, ReputationRollUp } from "../generated/types.ts";

/** What lists and pages show of a roll-up; `event_id` is that of the event it was signed as. */
export function summaryOf(rollup: ReputationRollUp, event_id: string): CatalogReputation {
  const { score, raters, apart, runs } = rollup;
  return {
    stars_milli: score.stars_milli,
    low_milli: score.low_milli,
    high_milli: score.high_milli,
    rank: rollup.rank,
    raters: raters.receipt + raters.attested + raters.trusted,
    unknown: apart.unknown,
    installs: runs.workers,
    licences: rollup.licences,
    trend_7_milli: rollup.trend.days_7_milli,
    trend_30_milli: rollup.trend.days_30_milli,
    trend_90_milli: rollup.trend.days_90_milli,
    badges: [...rollup.badges],
    as_of: rollup.as_of,
    event_id,
  };
}
