import { divide, squareRoot } from "../arithmetic.ts";
import { FORMULA, WHOLE_PPM } from "../formula.ts";
import type { AbuseRule } from "./rule.ts";

const { free_raters } = FORMULA.sybil_swarm;

/** Keys cost nothing to make, and neither does a worker's word on its own runs. */
export const sybilSwarm = {
  name: "sybil_swarm",
  says: `Raters whose only proof is a worker's attestation, and whom nobody trusted follows, count together as the square root of their number once they weigh as much as ${free_raters}.`,
  judge: (raters) => {
    const free = raters.filter(({ rater_class, trusted }) => rater_class === "attested" && !trusted);
    const total = free.reduce((sum, { weight }) => sum + weight, 0n);
    const floor = BigInt(free_raters) * WHOLE_PPM;
    if (total <= floor) return [];
    const kept_ppm = divide(squareRoot(floor * total) * WHOLE_PPM, total);
    return free.map(({ rating }) => ({ rater: rating.rater, kept_ppm }));
  },
} as const satisfies AbuseRule;
