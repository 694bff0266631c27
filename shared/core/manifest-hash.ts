import { sha256Hex } from "./hash.ts";
import { canonicalize } from "./json.ts";

/**
 * The manifest's identity: SHA-256, in hex, over its RFC 8785 form without `signing`, which could not contain it.
 * The value must come from `parseStrict`: text that parsers read differently has no identity.
 */
export function manifestHash(manifest: object): string {
  const { signing: _, ...hashed } = manifest as { readonly signing?: unknown };
  return sha256Hex(canonicalize(hashed));
}
