import { LIMITS } from "../core/limits.ts";
import { KINDS, tagValue } from "./kinds.ts";
import type { NostrEvent } from "./verify.ts";

/** When our relay lets an event go, in Unix seconds: when it expires, and a sealed one at the latest some time after it came. */
export function keptUntil(event: Pick<NostrEvent, "kind" | "tags">, now_s: number): number | null {
  const expires_at = expirationOf(event);
  if (event.kind !== KINDS.gift_wrap.kind) return expires_at;
  return Math.min(expires_at ?? Number.POSITIVE_INFINITY, now_s + LIMITS.gift_wrap_kept_s);
}

/** When the event expires (NIP-40), or null. A tag that is no time is ignored. */
export function expirationOf(event: Pick<NostrEvent, "tags">): number | null {
  const text = tagValue(event, "expiration");
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : null;
}
