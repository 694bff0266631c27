import type { Rating } from "../nostr/30054-rating.ts";
import { decay, part } from "./arithmetic.ts";
import type { ReputationFacts } from "./facts.ts";
import { DAY_S, FORMULA, WHOLE_PPM } from "./formula.ts";
import { ABUSE_RULES, type AbuseRuleName } from "./rules/index.ts";
import { trustOf } from "./trust.ts";

/** The best proof a rater has; `unknown` has none, `own` is the listing's author. Only the first three count. */
export type RaterClass = "receipt" | "attested" | "trusted" | "unknown" | "own";

/** One rater's rating with what it weighs and why. Weights are in millionths of one rater. */
export interface Weighed {
  readonly rating: Rating;
  readonly rater_class: RaterClass;
  /** In the web of trust of the indexer's anchors. */
  readonly trusted: boolean;
  readonly weight: bigint;
  /** What each rule that took something left of it, in millionths. */
  readonly rules: readonly { readonly rule: AbuseRuleName; readonly kept_ppm: number }[];
}

/** Every rating with its weight: by the rater's proof, then rule by rule, then by its age. */
export function weigh(
  facts: ReputationFacts,
  rules: readonly (typeof ABUSE_RULES)[number][] = ABUSE_RULES,
): readonly Weighed[] {
  const buyers = new Set(facts.receipts.map(({ buyer }) => buyer));
  const owners = new Set(facts.attestations.flatMap(({ owner }) => (owner === null ? [] : [owner])));
  const trust = trustOf(facts.settings.anchors, facts.follows);
  let weighed: readonly Weighed[] = facts.ratings.map((rating): Weighed => {
    const { rater } = rating;
    const trusted = trust.get(rater) ?? 0n;
    const rater_class = classOf(rater, facts.author, buyers, owners, trusted > 0n);
    return { rating, rater_class, trusted: trusted > 0n, weight: fullWeight(rater_class, trusted), rules: [] };
  });
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

function classOf(
  rater: string,
  author: string,
  buyers: ReadonlySet<string>,
  owners: ReadonlySet<string>,
  trusted: boolean,
): RaterClass {
  if (rater === author) return "own";
  if (buyers.has(rater)) return "receipt";
  if (owners.has(rater)) return "attested";
  return trusted ? "trusted" : "unknown";
}

function fullWeight(rater_class: RaterClass, trust: bigint): bigint {
  const { receipt, attested, trusted } = FORMULA.weight_ppm;
  if (rater_class === "receipt") return BigInt(receipt);
  if (rater_class === "attested") return BigInt(attested);
  return rater_class === "trusted" ? part(BigInt(trusted), trust) : 0n;
}
