import { DAY_S } from "../core/durations.ts";
import { decay, part } from "./arithmetic.ts";
import type { ReputationFacts } from "./facts.ts";
import { FORMULA, WHOLE_PPM } from "./formula.ts";
import { type Rater, ratersOf } from "./rater.ts";
import { ABUSE_RULES, type AbuseRuleName } from "./rules/index.ts";

/** A rater with what the rating weighs in the end, and why. */
export interface Weighed extends Rater {
  /** What each rule that took something left of it, in millionths. */
  readonly rules: readonly { readonly rule: AbuseRuleName; readonly kept_ppm: number }[];
}

/** Every rating with its weight: by the rater's proof, then rule by rule, then by its age. */
export function weigh(
  facts: ReputationFacts,
  rules: readonly (typeof ABUSE_RULES)[number][] = ABUSE_RULES,
): readonly Weighed[] {
  let weighed: readonly Weighed[] = ratersOf(facts).map((rater) => ({ ...rater, rules: [] }));
  for (const { name, judge } of rules) {
    const counted = weighed.filter(({ weight }) => weight > 0n);
    const kept = new Map(judge(counted, facts).map(({ rater, kept_ppm }) => [rater, kept_ppm]));
    weighed = weighed.map((one) => {
      const kept_ppm = kept.get(one.rating.rater) ?? WHOLE_PPM;
      if (kept_ppm >= WHOLE_PPM || one.weight === 0n) return one;
      const rules = [...one.rules, { rule: name, kept_ppm: Number(kept_ppm) }];
      return { ...one, weight: part(one.weight, kept_ppm), rules };
    });
  }
  return weighed.map((one) => {
    const days = Math.floor((facts.as_of_s - one.rating.created_at) / DAY_S);
    return { ...one, weight: part(one.weight, decay(days, FORMULA.half_life_days)) };
  });
}
