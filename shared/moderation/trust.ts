import { MODERATION_ACTIONS, MODERATION_ROLES, type ModerationRole } from "../core/moderation-words.ts";
import type { ModerationDecision } from "../generated/types.ts";
import { keyOfTarget } from "../nostr/01985-moderation.ts";
import type { People } from "../nostr/30000-people.ts";

/** Whose decisions apply to a reader, and which of them. */
export type Trust = ReadonlyMap<string, ReadonlySet<ModerationRole>>;

/**
 * Whom a reader trusts by choosing keys: each chosen key for everything, and whom its own signed list of curators names
 * for the roles it gives them. Trust goes one step and no further.
 */
export function trustIn(chosen: readonly string[], lists: readonly People[]): Trust {
  const trust = new Map<string, Set<ModerationRole>>(chosen.map((key) => [key, new Set(MODERATION_ROLES)]));
  for (const { signer, list, people } of lists) {
    if (list !== "curators" || !chosen.includes(signer)) continue;
    for (const { pubkey, roles } of people) {
      trust.set(pubkey, new Set([...(trust.get(pubkey) ?? []), ...roles]));
    }
  }
  return trust;
}

/** Why a key may not decide so about a target of `target_key`'s; null where it may. An appeal is its author's alone. */
export function whyNot(
  decision: Pick<ModerationDecision, "action" | "target" | "moderator">,
  trust: Trust,
  target_key: string | null = keyOfTarget(decision.target),
): "not_permitted" | "own_listing" | null {
  const { action, moderator } = decision;
  if (action === "appeal") return target_key === moderator ? null : "not_permitted";
  const roles = trust.get(moderator);
  // Reversing what is one's own takes no more than having decided it: see `mayReverse`.
  if (roles === undefined || !(action === "restore" || roles.has(MODERATION_ACTIONS[action].role))) {
    return "not_permitted";
  }
  return target_key === moderator ? "own_listing" : null;
}

/** Whether who signed `answer` may reverse `decision`: their own always, another's with the role for it. */
export function mayReverse(answer: ModerationDecision, decision: ModerationDecision, trust: Trust): boolean {
  return answer.moderator === decision.moderator || (trust.get(answer.moderator)?.has("restore") ?? false);
}
