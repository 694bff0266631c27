import { DAY_S } from "../../core/durations.ts";
import { divide } from "../arithmetic.ts";
import { FORMULA, WHOLE_PPM } from "../formula.ts";
import type { AbuseRule } from "./rule.ts";

const { day_raters, times_average, window_days } = FORMULA.burst;

/** Many ratings at once are bought, or told to be given, more often than meant. */
export const burst = {
  name: "burst",
  says: `Ratings of one day count together at most as ${day_raters} raters, or as ${times_average} times an average day of the ${window_days} days before and after it, whichever is more.`,
  judge: (raters) => {
    const days = new Map<number, bigint>();
    for (const { rating, weight } of raters) {
      const day = Math.floor(rating.created_at / DAY_S);
      days.set(day, (days.get(day) ?? 0n) + weight);
    }
    const sorted = [...days].sort(([a], [b]) => a - b);
    const kept = new Map<number, bigint>();
    let [around, from, to] = [0n, 0, 0];
    for (const [day, total] of sorted) {
      for (let next = sorted[to]; next !== undefined && next[0] <= day + window_days; next = sorted[to]) {
        around += next[1];
        to += 1;
      }
      for (let last = sorted[from]; last !== undefined && last[0] < day - window_days; last = sorted[from]) {
        around -= last[1];
        from += 1;
      }
      const average = divide((around - total) * BigInt(times_average), BigInt(2 * window_days));
      const floor = BigInt(day_raters) * WHOLE_PPM;
      const allowed = average > floor ? average : floor;
      if (total > allowed) kept.set(day, divide(allowed * WHOLE_PPM, total));
    }
    return raters.flatMap(({ rating }) => {
      const kept_ppm = kept.get(Math.floor(rating.created_at / DAY_S));
      return kept_ppm === undefined ? [] : [{ rater: rating.rater, kept_ppm }];
    });
  },
} as const satisfies AbuseRule;
