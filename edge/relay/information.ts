import { LIMITS } from "@oa/shared/core/limits.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { RelaySettings } from "./management.ts";

/** What this relay speaks; the guide `nips` names the test that shows each. */
export const RELAY_NIPS = [1, 9, 11, 40, 42, 45, 50, 59, 65, 70, 77, 86] as const;

/**
 * The relay information document (NIP-11). Its limits are the ones that are enforced; `self` signs its proofs, the
 * operator names its curators.
 */
export function relayInformation(
  { self, operator }: { readonly self: string | null; readonly operator: string | null },
  { name, description, icon, disallowed_kinds }: RelaySettings,
): object {
  const taken = Object.values(KINDS).filter(({ kind, relayed }) => relayed && !disallowed_kinds.includes(kind));
  return {
    name: name ?? "OpenAgents upgrades",
    ...(self === null ? {} : { self }),
    ...(operator === null ? {} : { pubkey: operator }),
    ...(icon === undefined ? {} : { icon }),
    description:
      description ?? "Agent upgrades: signed manifests, releases, receipts and ratings. Other kinds are refused.",
    supported_nips: [...RELAY_NIPS],
    software: "openagents-upgrades",
    version: "0.1.0",
    limitation: {
      max_message_length: LIMITS.relay_message_chars,
      max_subscriptions: LIMITS.relay_subscriptions,
      max_filters: LIMITS.relay_filters,
      max_limit: LIMITS.relay_limit,
      default_limit: LIMITS.relay_limit_default,
      max_subid_length: LIMITS.relay_subscription_id_chars,
      max_event_tags: LIMITS.nostr_tags,
      max_content_length: LIMITS.nostr_content_bytes,
      min_pow_difficulty: 0,
      auth_required: false,
      payment_required: false,
      restricted_writes: true,
      created_at_lower_limit: 0,
      created_at_upper_limit: LIMITS.nostr_ahead_s,
    },
    retention: taken.map(({ kind }) => ({ kinds: [kind], time: null })),
  };
}
