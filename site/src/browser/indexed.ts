import type { ModerationBadge } from "@oa/shared/moderation/badges.ts";

/** One listing in the search index: what is matched and what a result shows. */
export interface Indexed {
  readonly path: string;
  readonly title: string;
  readonly summary: string;
  readonly author: string;
  readonly categories: readonly string[];
  readonly tags: readonly string[];
  readonly backends: readonly string[];
  readonly price_sats: number;
  readonly price: string;
  readonly version: string;
  /** Its event, where somebody decided about just that one. */
  readonly event_id?: string;
  /** What the mirror's curators say of it; absent where they say nothing. */
  readonly badges?: readonly ModerationBadge[];
  /** Thousandths of a star: the score, and the lower end of its interval; absent where no rating counts. */
  readonly rating?: { readonly stars_milli: number; readonly low_milli: number; readonly raters: number };
}

/** Whom readers of a mirror may choose, each with what the operator's lists call it. */
export interface ModeratorIndex {
  readonly operator: string | null;
  readonly moderators: readonly { readonly pubkey: string; readonly name: string }[];
}
