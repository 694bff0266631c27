import { isHex32 } from "@oa/shared/nostr/verify.ts";
import type { Settings } from "../settings.ts";
import { edgePublicKey } from "./edge-key.ts";

/**
 * The key whose signed list says who moderates here, in hex: the one that is named, else the edge's own; null where there
 * is neither, and then nobody moderates. A setting that is no key throws.
 */
export function operatorOf(env: Pick<Settings, "OPERATOR" | "EDGE_KEY">): string | null {
  const { OPERATOR } = env;
  if (OPERATOR === undefined || OPERATOR === "") return edgePublicKey(env);
  if (!isHex32(OPERATOR)) throw new Error("OPERATOR is not a key of 64 lower-case hex digits");
  return OPERATOR;
}
