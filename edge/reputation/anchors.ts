import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { filter, fromEvent } from "@oa/shared/nostr/00003-follows.ts";
import { isHex32, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { WholeRelay } from "../relay/whole.ts";
import type { Settings } from "../settings.ts";

/** The keys that the web of trust starts from; none where the setting names none. */
export function anchorsOf(env: Pick<Settings, "TRUST_ANCHORS">): readonly string[] {
  const keys = (env.TRUST_ANCHORS ?? "").split(",").map((key) => key.trim());
  return [...new Set(keys.filter(isHex32))].slice(0, LIMITS.reputation_anchors);
}

/** Whose follow lists (NIP-02) the web of trust reads: the anchors' and, as far as they are here, those they follow. */
export async function trustedFollowers(relay: WholeRelay, anchors: readonly string[]): Promise<readonly string[]> {
  if (anchors.length === 0) return [];
  const [lists = []] = await relay.find([[filter(anchors)]]);
  const near = lists.flatMap((raw) => {
    const list = fromEvent(JSON.parse(raw) as VerifiedEvent); // the relay verified it before it kept it
    return isRejection(list) ? [] : list.follows;
  });
  const more = [...new Set(near)].filter((key) => !anchors.includes(key)).sort();
  return [...anchors, ...more.slice(0, LIMITS.relay_limit)];
}
