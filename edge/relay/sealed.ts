import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { NostrFilter } from "@oa/shared/nostr/filter.ts";
import { SEALED_KINDS } from "@oa/shared/nostr/kinds.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";

/**
 * Sealed events are told to their recipient only. Filters that name their kinds must come from it; others leave them
 * out. Refusals: auth_required, not_permitted. NIP-42, NIP-59.
 */
export function refuseSealed(filters: readonly NostrFilter[], keys: ReadonlySet<string>): Rejection | null {
  for (const { kinds = [], tags } of filters) {
    if (!kinds.some((kind) => SEALED_KINDS.includes(kind))) continue;
    if (keys.size === 0) return reject("auth_required", "sealed events are for their recipient: authenticate first");
    if (tags.p?.every((recipient) => keys.has(recipient)) === false) {
      return reject("not_permitted", "sealed events are for their recipient, which is not who authenticated here");
    }
  }
  return null;
}

/** Whether who has these keys may be told of an event. */
export function mayRead(event: NostrEvent, keys: ReadonlySet<string>): boolean {
  if (!SEALED_KINDS.includes(event.kind)) return true;
  return event.tags.some(([name, value]) => name === "p" && value !== undefined && keys.has(value));
}
