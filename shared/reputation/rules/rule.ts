import type { ReputationFacts } from "../facts.ts";
import type { Rater } from "../rater.ts";

/** What a rule leaves of one rater's weight, in millionths. */
export interface Kept {
  readonly rater: string;
  readonly kept_ppm: bigint;
}

/** One pattern of abuse, and what is done about it. It never takes a rating away: it only makes it weigh less. */
export interface AbuseRule<Name extends string = string> {
  readonly name: Name;
  /** One sentence for people. */
  readonly says: string;
  /** The raters it takes weight from; those it does not name keep all of it. */
  readonly judge: (raters: readonly Rater[], facts: ReputationFacts) => readonly Kept[];
}
