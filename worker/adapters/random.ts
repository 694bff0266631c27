import { hash, randomFillSync } from "node:crypto";
import type { Sha256Hex } from "@oa/shared/core/hash.ts";
import type { RandomBytes } from "@oa/shared/core/id.ts";

const POOL_BYTES = 4_096;

/**
 * The system's random bytes, drawn in large portions: ids and salts need a few at a time, many times a second. No byte
 * is given out twice, and what has been given out is not kept.
 */
export function openRandom(): RandomBytes {
  const pool = new Uint8Array(POOL_BYTES);
  let at = POOL_BYTES;
  return (count) => {
    if (count > POOL_BYTES) return randomFillSync(new Uint8Array(count));
    if (at + count > POOL_BYTES) {
      randomFillSync(pool);
      at = 0;
    }
    const bytes = pool.slice(at, at + count);
    pool.fill(0, at, at + count);
    at += count;
    return bytes;
  };
}

/** Node's own SHA-256. */
export const nativeSha256: Sha256Hex = (text) => hash("sha256", text, "hex");
