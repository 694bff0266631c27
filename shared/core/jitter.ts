import { sha256Hex } from "./hash.ts";
import { canonicalize } from "./json.ts";

/**
 * How long after its due time an install starts on a worker: always the same for the two, between 0 and `jitter_ms`
 * inclusive, and evenly spread over installs and workers so that they do not all start at once.
 */
export function jitterOf(install_id: string, worker_id: string, jitter_ms: number): number {
  const fraction =
    Number.parseInt(sha256Hex(canonicalize(["jitter", install_id, worker_id])).slice(0, 12), 16) / 2 ** 48;
  return Math.floor(fraction * (jitter_ms + 1));
}
