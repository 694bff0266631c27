import { LIMITS } from "../core/limits.ts";

/** A burst of signs that something changed. Unix milliseconds. */
export interface Burst {
  readonly first_ms: number;
  readonly last_ms: number;
}

export function addSign(burst: Burst | null, now_ms: number): Burst {
  return { first_ms: burst?.first_ms ?? now_ms, last_ms: now_ms };
}

/** When to look: after a quiet time, or at the latest after a longer one where it never gets quiet. */
export function lookAt({ first_ms, last_ms }: Burst): number {
  return Math.min(last_ms + LIMITS.trigger_quiet_ms, first_ms + LIMITS.trigger_wait_ms);
}
