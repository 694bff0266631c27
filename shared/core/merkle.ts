import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/**
 * The Merkle root over texts in their order, as 64 hex digits: leaves and nodes are hashed apart, and a list that is no
 * power of two is split at the largest one below its length (RFC 9162 §2.1.1). Of nothing: the hash of nothing.
 */
export function merkleRoot(leaves: readonly string[]): string {
  let level: readonly Uint8Array[] = leaves.map((leaf) => sha256(concatBytes(LEAF, utf8ToBytes(leaf))));
  if (level.length === 0) return bytesToHex(sha256(new Uint8Array()));
  // Pairing from the left and carrying a last odd one up gives the same tree as the recursive definition.
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const [left, right] = [level[index], level[index + 1]];
      if (left === undefined) break;
      above.push(right === undefined ? left : sha256(concatBytes(NODE, left, right)));
    }
    level = above;
  }
  return bytesToHex(level[0] ?? new Uint8Array());
}
