import { burst } from "./burst.ts";
import { collusionRing } from "./collusion-ring.ts";
import { retaliation } from "./retaliation.ts";
import { sybilSwarm } from "./sybil-swarm.ts";

/** Every rule, in the order in which they are applied: each sees the weights that those before it left. */
export const ABUSE_RULES = [retaliation, collusionRing, sybilSwarm, burst] as const;

export type AbuseRuleName = (typeof ABUSE_RULES)[number]["name"];
