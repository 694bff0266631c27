import type { ReputationRollUp } from "../generated/types.ts";

export type Badge = ReputationRollUp["badges"][number];

interface BadgeRule {
  readonly badge: Badge;
  /** One sentence for people: when a listing has it. */
  readonly says: string;
  readonly earns: (rollup: Omit<ReputationRollUp, "badges" | "inputs">) => boolean;
}

const counted = ({ raters }: Pick<ReputationRollUp, "raters">): number =>
  raters.receipt + raters.attested + raters.trusted;

/** Every badge. They are read off the same numbers that the roll-up shows, so that nobody hands them out. */
export const BADGES: readonly BadgeRule[] = [
  {
    badge: "well_rated",
    says: "At least 10 counted raters, and the lower end of the interval is at least 4 stars.",
    earns: (rollup) => counted(rollup) >= 10 && rollup.score.low_milli >= 4_000,
  },
  {
    badge: "rising",
    says: "At least 10 counted raters, and the score rose by at least 0.3 stars in 30 days.",
    earns: (rollup) => counted(rollup) >= 10 && (rollup.trend.days_30_milli ?? 0) >= 300,
  },
  {
    badge: "widely_used",
    says: "At least 25 workers attested runs, or 25 licences stand.",
    earns: ({ runs, licences }) => runs.workers >= 25 || licences >= 25,
  },
  {
    badge: "few_ratings",
    says: "Fewer than 5 counted raters: the score is still mostly the one that every listing begins with.",
    earns: (rollup) => counted(rollup) < 5,
  },
  {
    badge: "disputed",
    says: "The rules against abuse took at least a third of the raters' weight away.",
    earns: ({ filters_took_ppm }) => filters_took_ppm >= 333_333,
  },
];
