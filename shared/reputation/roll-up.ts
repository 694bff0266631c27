import { DAY_S } from "../core/durations.ts";
import { merkleRoot } from "../core/merkle.ts";
import type { ReputationRollUp } from "../generated/types.ts";
import { divide } from "./arithmetic.ts";
import { BADGES } from "./badges.ts";
import { factsOf, type ReputationFacts, type ReputationSettings } from "./facts.ts";
import { FORMULA, WHOLE_PPM } from "./formula.ts";
import type { Input } from "./inputs.ts";
import type { RaterClass } from "./rater.ts";
import { ABUSE_RULES } from "./rules/index.ts";
import { rankOf, scoreOf } from "./score.ts";
import { type Weighed, weigh } from "./weigh.ts";

/** A listing's reputation at one time, and what each rating had to do with it. */
export interface Reckoned {
  readonly rollup: ReputationRollUp;
  /** Of each rating, newest first. */
  readonly raters: readonly Weighed[];
  /** Of every event it was reckoned from, in order. */
  readonly event_ids: readonly string[];
}

/** Up to so many inputs are named in the roll-up itself; of more, only their number and Merkle root. */
export const INPUTS_NAMED = 500;

/** Reckons a listing's reputation from what stands about it. The same inputs give the same roll-up, to the last digit. */
export function reckon(
  listing: string,
  inputs: readonly Input[],
  settings: ReputationSettings,
  as_of_s: number,
): Reckoned {
  const facts = factsOf(listing, inputs, settings, as_of_s);
  const raters = weigh(facts);
  const score = scoreOf(raters);
  const event_ids = idsOf(facts);
  const count = (rater_class: RaterClass): number => raters.filter((one) => one.rater_class === rater_class).length;
  const unknown = raters.filter(({ rater_class }) => rater_class === "unknown");
  const counted = raters.filter(({ rater_class }) => rater_class !== "unknown" && rater_class !== "own");
  const base = {
    formula: FORMULA.version,
    listing,
    as_of: as_of_s,
    score,
    rank: rankOf(score),
    raters: { receipt: count("receipt"), attested: count("attested"), trusted: count("trusted") },
    stars: ([1, 2, 3, 4, 5] as const).map((stars) => counted.filter(({ rating }) => rating.stars === stars).length),
    apart: { unknown: unknown.length, unknown_stars_milli: plainAverage(unknown), own: count("own") },
    trend: trendOf(listing, inputs, settings, as_of_s, score.stars_milli),
    runs: { attested: facts.attestations.length, workers: new Set(facts.attestations.map((run) => run.worker)).size },
    licences: new Set(facts.receipts.map(({ buyer }) => buyer)).size,
    zaps: {
      count: facts.zaps.length,
      senders: new Set(facts.zaps.map(({ sender }) => sender)).size,
      msats: facts.zaps.reduce((sum, { amount_msats }) => sum + amount_msats, 0),
    },
    filters: ABUSE_RULES.flatMap(({ name }) => {
      const touched = raters.filter(({ rules }) => rules.some(({ rule }) => rule === name)).length;
      return touched === 0 ? [] : [{ rule: name, ratings: touched }];
    }),
    filters_took_ppm: tookPpm(counted),
    settings: {
      receipt_signers: [...settings.receipt_signers].sort(),
      zap_provider: settings.zap_provider,
      anchors: [...settings.anchors].sort(),
    },
  };
  const rollup: ReputationRollUp = {
    ...base,
    badges: BADGES.filter(({ earns }) => earns(base)).map(({ badge }) => badge),
    inputs: {
      count: event_ids.length,
      root: merkleRoot(event_ids),
      ...(event_ids.length <= INPUTS_NAMED ? { event_ids } : {}),
    },
  };
  const newest = [...raters].sort(
    ({ rating: a }, { rating: b }) => b.created_at - a.created_at || (a.event_id < b.event_id ? -1 : 1),
  );
  return { rollup, raters: newest, event_ids };
}

/** How the score has changed; null where there was nothing to score then. Of replaced ratings, only the last is known. */
function trendOf(
  listing: string,
  inputs: readonly Input[],
  settings: ReputationSettings,
  as_of_s: number,
  now_milli: number,
): ReputationRollUp["trend"] {
  const since = (days: number): number | null => {
    const then = weigh(factsOf(listing, inputs, settings, as_of_s - days * DAY_S));
    if (then.every(({ weight }) => weight === 0n)) return null;
    return now_milli - scoreOf(then).stars_milli;
  };
  return { days_7_milli: since(7), days_30_milli: since(30), days_90_milli: since(90) };
}

function idsOf(facts: ReputationFacts): readonly string[] {
  const { ratings, others, attestations, receipts, zaps, follows } = facts;
  return [...ratings, ...others, ...attestations, ...receipts, ...zaps, ...follows]
    .map(({ event_id }) => event_id)
    .sort();
}

function plainAverage(raters: readonly Weighed[]): number | null {
  if (raters.length === 0) return null;
  const sum = raters.reduce((total, { rating }) => total + rating.stars, 0);
  return Number(divide(BigInt(sum) * 1_000n, BigInt(raters.length)));
}

/** The mean share of the counted raters' weight that the rules took, whatever its age. */
function tookPpm(counted: readonly Weighed[]): number {
  if (counted.length === 0) return 0;
  const took = counted.reduce((sum, { rules }) => {
    const kept = rules.reduce((share, { kept_ppm }) => divide(share * BigInt(kept_ppm), WHOLE_PPM), WHOLE_PPM);
    return sum + WHOLE_PPM - kept;
  }, 0n);
  return Number(divide(took, BigInt(counted.length)));
}
