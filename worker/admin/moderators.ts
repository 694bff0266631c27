import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ModerationRoles } from "@oa/shared/generated/types.ts";
import { moderationFilters } from "@oa/shared/moderation/asked.ts";
import { chosenText } from "@oa/shared/moderation/chosen.ts";
import { openFollowed } from "@oa/shared/moderation/followed.ts";
import type { Judgeable } from "@oa/shared/moderation/reader.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { filter as peopleFilter } from "@oa/shared/nostr/30000-people.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { isHex32, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import type { Config } from "../config.ts";

/** Whose decisions apply here: whom the settings name, else the edge's operator; null where the edge does not say now. */
export function chosenModerators(
  { moderators, local_only }: Pick<Config, "moderators" | "local_only">,
  edge: EdgeClient | null,
): (signal: AbortSignal) => Promise<readonly string[] | null> {
  return async (signal) => {
    if (local_only) return [];
    if (moderators !== null) return moderators;
    if (edge === null) return [];
    const roles = await edge.get<ModerationRoles>("/v1/moderation/roles", signal);
    if (isRejection(roles)) return null;
    return isHex32(roles.operator ?? undefined) ? [roles.operator as string] : [];
  };
}

/** A question to the edge, answered as these moderators leave its catalog; null: as its own operator's do. */
export function asChosen(path: string, moderators: readonly string[] | null): string {
  if (moderators === null) return path;
  return `${path}${path.includes("?") ? "&" : "?"}moderators=${chosenText(moderators)}`;
}

/**
 * Why moderators hide a listing that was found on relays, by what the same relays have of them; null: they do not, as far
 * as those say. Refusals: listing_taken_down, listing_held.
 */
export async function refuseModerated(
  chosen: readonly string[],
  listing: Judgeable,
  query: (filters: readonly WireFilter[]) => Promise<readonly VerifiedEvent[]>,
  now_s: number,
): Promise<Rejection | null> {
  if (chosen.length === 0) return null;
  const follow = (events: readonly VerifiedEvent[]) => openFollowed(chosen, events, (raw) => raw as VerifiedEvent);
  const { trust } = follow(await query([peopleFilter([...chosen].sort())]));
  const said = await query(moderationFilters(chosen, trust, [listing]));
  const { hidden } = follow(said).judge(listing, now_s);
  if (hidden === null) return null;
  const code = hidden.action === "hold" ? "listing_held" : "listing_taken_down";
  const details = { address: listing.address, decision: hidden };
  return reject(code, `${listing.address} ${sentenceOf(hidden)} (by ${hidden.moderator}, whom you follow)`, details);
}
