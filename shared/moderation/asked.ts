import { LIMITS } from "../core/limits.ts";
import { filter as decisionFilter } from "../nostr/01985-moderation.ts";
import { filter as muteFilter } from "../nostr/10000-mutes.ts";
import { filter as peopleFilter } from "../nostr/30000-people.ts";
import { filter as kindMuteFilter } from "../nostr/30007-kind-mutes.ts";
import type { WireFilter } from "../nostr/filter.ts";
import type { Judgeable } from "./reader.ts";
import type { Trust } from "./trust.ts";

/** What relays are asked for: the lists of whom a reader chose, and what those whom they trust decided of these listings. */
export function moderationFilters(
  chosen: readonly string[],
  trust: Trust,
  listings: readonly Judgeable[],
): readonly WireFilter[] {
  if (chosen.length === 0 || listings.length === 0) return [];
  const moderators = [...trust.keys()].sort().slice(0, LIMITS.filter_values);
  const decided = decisionFilter({ moderators });
  const values = (name: keyof Judgeable): readonly string[] =>
    [...new Set(listings.slice(0, LIMITS.filter_values).map((listing) => listing[name]))].sort();
  return [
    peopleFilter([...chosen].sort()),
    muteFilter(moderators),
    kindMuteFilter(moderators),
    { ...decided, "#a": values("address") },
    { ...decided, "#p": values("pubkey") },
    { ...decided, "#e": values("event_id") },
  ];
}
