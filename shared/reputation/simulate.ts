import { DAY_S } from "../core/durations.ts";
import { sha256Hex } from "../core/hash.ts";
import { authorOf, type Rating, type Stars } from "../nostr/30054-rating.ts";
import { factsOf, type ReputationSettings } from "./facts.ts";
import type { Input } from "./inputs.ts";
import { ABUSE_RULES, type AbuseRuleName } from "./rules/index.ts";
import { scoreOf } from "./score.ts";
import { weigh } from "./weigh.ts";

/** What the simulator takes for granted. Every report prints it. */
export interface SimulationAssumptions {
  /** A licence of the listing, which an outsider pays in full. */
  readonly price_sats: number;
  /** What of the price is lost when a ring's members buy from each other: routing and revenue shares, in 1/10,000. */
  readonly ring_loss_bps: number;
  /** A new key that relays take ratings from. Zero where a relay asks for nothing. */
  readonly key_sats: number;
  /** A listing that looks like one, under a new key. */
  readonly listing_sats: number;
  /** Honest raters before the attack, over the last year: seven of ten with a receipt, the others attested. */
  readonly honest_raters: number;
}

export const ASSUMPTIONS: SimulationAssumptions = {
  price_sats: 1_000,
  ring_loss_bps: 300,
  key_sats: 10,
  listing_sats: 100,
  honest_raters: 40,
};

/** Beyond this the attack counts as not feasible. */
export const ATTACKERS_MOST = 5_000;
export const MOVED_MILLI = 1_000;

/** The least attack that moves the score by one star. */
export interface AttackCost {
  readonly keys: number;
  readonly sats: number;
}

/** `self_dealing` has no rule against it: only what it costs stands in its way, and the report says how little that is. */
export type AttackName = AbuseRuleName | "self_dealing";

export interface AttackReport {
  readonly attack: AttackName;
  readonly says: string;
  /** With every rule. Null: not even with `ATTACKERS_MOST` keys. */
  readonly with_rules: AttackCost | null;
  /** As if the rule against this attack were not there. */
  readonly without_its_rule: AttackCost | null;
}

interface Attack {
  readonly attack: AttackName;
  readonly says: string;
  readonly honest_stars: readonly Stars[];
  readonly stars: Stars;
  readonly proof: "receipt" | "attested";
  /** Over how many days the attackers spread. */
  readonly days: number;
  /** What the author and the attackers said of each other's listings. */
  readonly others: (
    attacker: number,
    key: (index: number) => string,
  ) => readonly Pick<Rating, "rater" | "author" | "stars">[];
  readonly sats: (each: SimulationAssumptions) => number;
}

const NOW_S = 1_800_000_000;
const AUTHOR = sha256Hex("simulated author");
const LISTING = `30051:${AUTHOR}:simulated`;
const SETTINGS: ReputationSettings = { receipt_signers: [AUTHOR], zap_provider: null, anchors: [] };
const GOOD: readonly Stars[] = [5, 5, 4, 5, 4, 3, 5, 4, 5, 4];
const POOR: readonly Stars[] = [3, 2, 3, 2, 1, 3, 2, 4, 2, 3];

const ATTACKS: readonly Attack[] = [
  {
    attack: "sybil_swarm",
    says: "Made-up keys, each with a run attested by a made-up worker, give a good listing one star over 90 days.",
    honest_stars: GOOD,
    stars: 1,
    proof: "attested",
    days: 90,
    others: () => [],
    sats: ({ key_sats }) => 2 * key_sats,
  },
  {
    attack: "burst",
    says: "Buyers pay the full price and give a good listing one star within a day.",
    honest_stars: GOOD,
    stars: 1,
    proof: "receipt",
    days: 1,
    others: () => [],
    sats: ({ key_sats, price_sats }) => key_sats + price_sats,
  },
  {
    attack: "retaliation",
    says: "Authors whom the listing's author rated low buy it and give one star in return within 30 days.",
    honest_stars: GOOD,
    stars: 1,
    proof: "receipt",
    days: 29,
    others: (attacker, key) => [{ rater: AUTHOR, author: key(attacker), stars: 1 }],
    sats: ({ price_sats }) => price_sats,
  },
  {
    attack: "collusion_ring",
    says: "The author of a poor listing and others buy from each other and praise each other over 90 days.",
    honest_stars: POOR,
    stars: 5,
    proof: "receipt",
    days: 90,
    others: (attacker, key) => [{ rater: AUTHOR, author: key(attacker), stars: 5 }],
    sats: ({ key_sats, listing_sats, price_sats, ring_loss_bps }) =>
      key_sats + listing_sats + Math.ceil((price_sats * ring_loss_bps) / 10_000),
  },
  {
    attack: "self_dealing",
    says: "The author of a poor listing sells it to keys of its own, which praise it over 90 days.",
    honest_stars: POOR,
    stars: 5,
    proof: "receipt",
    days: 90,
    others: () => [],
    sats: ({ key_sats, price_sats, ring_loss_bps }) => key_sats + Math.ceil((price_sats * ring_loss_bps) / 10_000),
  },
];

/** What it costs to move the score by one star under each attack, with and without the rule against it. */
export function simulate(assumptions: SimulationAssumptions = ASSUMPTIONS): readonly AttackReport[] {
  return ATTACKS.map((attack) => {
    const cost = (without: AttackName | null): AttackCost | null => {
      const keys = leastAttackers(
        (attackers) => Math.abs(moved(attack, attackers, assumptions, without)) >= MOVED_MILLI,
      );
      return keys === null ? null : { keys, sats: keys * attack.sats(assumptions) };
    };
    const { attack: name, says } = attack;
    const with_rules = cost(null);
    return { attack: name, says, with_rules, without_its_rule: name === "self_dealing" ? with_rules : cost(name) };
  });
}

/** By how much an attack moves the score, in thousandths of a star, with every rule or all but one. */
export function attackMoves(
  name: AttackName,
  attackers: number,
  without: AttackName | null = null,
  assumptions: SimulationAssumptions = ASSUMPTIONS,
): number {
  return ATTACKS.filter(({ attack }) => attack === name).reduce(
    (sum, attack) => sum + moved(attack, attackers, assumptions, without),
    0,
  );
}

/** The inputs of a listing that only honest people rate, evenly over the last year. */
export function honestInputs(raters: number, stars: readonly Stars[] = GOOD): readonly Input[] {
  return Array.from({ length: raters }, (_, index) => {
    const created_at = NOW_S - Math.floor((index * 365 * DAY_S) / Math.max(1, raters)) - 1;
    const said = stars[index % stars.length] ?? 3;
    return ratingBy(sha256Hex(`honest ${index}`), said, index % 10 < 7 ? "receipt" : "attested", created_at);
  }).flat();
}

/** The score of a listing from simulated inputs, with every rule or all but one. */
export function simulatedScore(inputs: readonly Input[], without: AttackName | null = null): number {
  const rules = ABUSE_RULES.filter(({ name }) => name !== without);
  return scoreOf(weigh(factsOf(LISTING, inputs, SETTINGS, NOW_S), rules)).stars_milli;
}

function moved(
  attack: Attack,
  attackers: number,
  assumptions: SimulationAssumptions,
  without: AttackName | null,
): number {
  const honest = honestInputs(assumptions.honest_raters, attack.honest_stars);
  const key = (index: number): string => sha256Hex(`attacker ${index}`);
  const hostile = Array.from({ length: attackers }, (_, index) => {
    const created_at = NOW_S - (index % attack.days) * DAY_S - 1;
    const about = attack.others(index, key).map(({ rater, author, stars }): Input => {
      const listing = `30051:${author}:attacker`;
      const id = sha256Hex(`${rater} ${listing}`);
      const at = NOW_S - 30 * DAY_S;
      return {
        type: "rating",
        is: { event_id: id, created_at: at, rater, listing, author, stars, review: "", evidence: null },
      };
    });
    return [...ratingBy(key(index), attack.stars, attack.proof, created_at), ...about];
  }).flat();
  return simulatedScore([...honest, ...hostile], without) - simulatedScore(honest, without);
}

/** One rater's rating with its proof. */
function ratingBy(rater: string, stars: Stars, proof: "receipt" | "attested", created_at: number): readonly Input[] {
  const id = (what: string): string => sha256Hex(`${what} ${rater}`);
  const common = { created_at, listing: LISTING };
  const author = authorOf(LISTING);
  const rating: Input = {
    type: "rating",
    is: { ...common, event_id: id("rating"), rater, author, stars, review: "", evidence: null },
  };
  const proven: Input =
    proof === "receipt"
      ? {
          type: "receipt",
          is: {
            ...common,
            event_id: id("receipt"),
            address: `30053:${author}:${rater}`,
            buyer: rater,
            signer: author,
            revoked: false,
          },
        }
      : {
          type: "attestation",
          is: {
            ...{ ...common, event_id: id("run"), worker: id("worker"), owner: rater },
            ...{ release_event_id: id("release"), manifest_sha256: id("manifest"), run_sha256: id("hash") },
          },
        };
  return [rating, proven];
}

/** The least number that suffices, found by doubling and halving; more attackers never move less. */
function leastAttackers(suffices: (attackers: number) => boolean): number | null {
  let [low, high] = [0, 1];
  while (!suffices(high)) {
    if (high === ATTACKERS_MOST) return null;
    low = high;
    high = Math.min(high * 2, ATTACKERS_MOST);
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (suffices(middle)) high = middle;
    else low = middle;
  }
  return high;
}
