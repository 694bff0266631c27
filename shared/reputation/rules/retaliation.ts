import { DAY_S } from "../../core/durations.ts";
import { FORMULA } from "../formula.ts";
import type { AbuseRule } from "./rule.ts";

const { low_stars, within_days, keep_ppm } = FORMULA.retaliation;

/** An author who was rated low answers with a low rating. */
export const retaliation = {
  name: "retaliation",
  says: `A low rating given within ${within_days} days after the author rated one of the rater's own listings low counts a quarter.`,
  judge: (raters, { author, others }) => {
    const insults = others.filter(({ rater, stars }) => rater === author && stars <= low_stars);
    return raters.flatMap(({ rating }) => {
      if (rating.stars > low_stars) return [];
      const answered = insults.some(({ author: rated, created_at }) => {
        const after_s = rating.created_at - created_at;
        return rated === rating.rater && after_s >= 0 && after_s <= within_days * DAY_S;
      });
      return answered ? [{ rater: rating.rater, kept_ppm: BigInt(keep_ppm) }] : [];
    });
  },
} as const satisfies AbuseRule;
