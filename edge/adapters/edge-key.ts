import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import type { Settings } from "../settings.ts";

/** The edge's own secret key, or null where it was given none. A secret that is no key throws, and is not repeated. */
export function edgeKey({ EDGE_KEY }: Pick<Settings, "EDGE_KEY">): Uint8Array | null {
  if (EDGE_KEY === undefined || EDGE_KEY === "") return null;
  if (!isHex32(EDGE_KEY)) throw new Error("the secret EDGE_KEY is not 64 lower-case hex digits");
  return Uint8Array.from(EDGE_KEY.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** The key that this edge's proofs are signed by, in hex. */
export function edgePublicKey(env: Pick<Settings, "EDGE_KEY">): string | null {
  const secret_key = edgeKey(env);
  return secret_key === null ? null : publicKeyOf(secret_key);
}
