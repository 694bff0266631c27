import { divide, largest } from "../arithmetic.ts";
import { FORMULA, WHOLE_PPM } from "../formula.ts";
import type { AbuseRule } from "./rule.ts";

const { high_stars, hops } = FORMULA.collusion_ring;

/** Authors who praise each other, in pairs or round a ring. Only ratings that its own author gave can make one. */
export const collusionRing = {
  name: "collusion_ring",
  says: `Raters who praise the listing, and whom its author praises back within ${hops} steps, all of them raters here, count as one together.`,
  judge: (raters, { author, others }) => {
    const members = new Map(raters.map((one) => [one.rating.rater, one]));
    const praises = new Map<string, string[]>();
    for (const { rater, author: rated, stars } of others) {
      if (stars >= high_stars && rater !== rated) praises.set(rater, [...(praises.get(rater) ?? []), rated]);
    }
    const reached = new Set<string>();
    let edge: readonly string[] = [author];
    for (let hop = 0; hop < hops; hop += 1) {
      edge = edge.flatMap((key) => praises.get(key) ?? []).filter((key) => members.has(key) && !reached.has(key));
      for (const key of edge) reached.add(key);
    }
    const ring = [...reached].flatMap((key) => {
      const member = members.get(key);
      return member !== undefined && member.rating.stars >= high_stars ? [member] : [];
    });
    const total = ring.reduce((sum, { weight }) => sum + weight, 0n);
    const heaviest = largest(ring.map(({ weight }) => weight));
    if (ring.length < 2 || total === 0n) return [];
    const kept_ppm = divide(heaviest * WHOLE_PPM, total);
    return ring.map(({ rating }) => ({ rater: rating.rater, kept_ppm }));
  },
} as const satisfies AbuseRule;
