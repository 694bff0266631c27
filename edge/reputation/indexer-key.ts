import { sha256Hex } from "@oa/shared/core/hash.ts";
import { FORMULA } from "@oa/shared/reputation/formula.ts";
import { edgeKey } from "../adapters/edge-key.ts";
import type { Settings } from "../settings.ts";

/**
 * The key that roll-ups are signed with, or null where the edge has no key of its own. It is derived from the edge's,
 * another one for each version of the formula: NIP-85 wants a key for each algorithm.
 */
export function indexerKey(env: Pick<Settings, "EDGE_KEY">): Uint8Array | null {
  if (edgeKey(env) === null) return null;
  const hex = sha256Hex(`openagents.upgrade/reputation/${FORMULA.version}/${env.EDGE_KEY}`);
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
