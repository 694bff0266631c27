import type { ModerationReport } from "../generated/types.ts";

/** What one report weighs, by what is known of who made it. */
export const REPORT_WEIGHTS: Readonly<Record<ModerationReport["standing"], number>> = {
  curator: 1_000,
  buyer: 400,
  trusted_author: 300,
  attested: 100,
  unknown: 10,
};

/** The most that all reports by keys nobody knows weigh together: keys cost nothing, so their number says little. */
const UNKNOWN_MAX = 200;

/** What reports weigh together. It orders what curators look at; it never decides anything. */
export function weightOf(reports: Iterable<Pick<ModerationReport, "standing">>): number {
  let [known, unknown] = [0, 0];
  for (const { standing } of reports) {
    if (standing === "unknown") unknown += REPORT_WEIGHTS.unknown;
    else known += REPORT_WEIGHTS[standing];
  }
  return known + Math.min(unknown, UNKNOWN_MAX);
}
