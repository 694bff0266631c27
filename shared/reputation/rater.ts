import type { Rating } from "../nostr/30054-rating.ts";
import { part } from "./arithmetic.ts";
import type { ReputationFacts } from "./facts.ts";
import { FORMULA } from "./formula.ts";
import { trustOf } from "./trust.ts";

/** The best proof a rater has; `unknown` has none, `own` is the listing's author. Only the first three count. */
export type RaterClass = "receipt" | "attested" | "trusted" | "unknown" | "own";

/** One rater with the rating and what it weighs, in millionths of one rater. */
export interface Rater {
  readonly rating: Rating;
  readonly rater_class: RaterClass;
  /** In the web of trust of the indexer's anchors. */
  readonly trusted: boolean;
  readonly weight: bigint;
}

/** Everybody who rated, each with what the best proof weighs in full. */
export function ratersOf(facts: ReputationFacts): readonly Rater[] {
  const buyers = new Set(facts.receipts.map(({ buyer }) => buyer));
  const owners = new Set(facts.attestations.flatMap(({ owner }) => (owner === null ? [] : [owner])));
  const trust = trustOf(facts.settings.anchors, facts.follows);
  return facts.ratings.map((rating) => {
    const { rater } = rating;
    const trusted = trust.get(rater) ?? 0n;
    const rater_class = classOf(rater, facts.author, buyers, owners, trusted > 0n);
    return { rating, rater_class, trusted: trusted > 0n, weight: fullWeight(rater_class, trusted) };
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
