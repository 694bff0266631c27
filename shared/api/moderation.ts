import type { ModerationRole } from "../core/moderation-words.ts";
import type { PublishedOwn } from "./published.ts";

/** A list of the owner's: of listings, or of keys. */
export interface OwnListView {
  readonly name: string;
  readonly kind: "curators" | "moderators" | "trusted_authors" | "blocklist" | "listings";
  /** Whose it is. */
  readonly npub: string;
  readonly title: string;
  readonly description: string;
  /** Full addresses. */
  readonly listings: readonly string[];
  readonly people: readonly {
    readonly pubkey: string;
    readonly npub: string;
    readonly name: string;
    readonly roles: readonly ModerationRole[];
  }[];
}

/** A list as it was published, and what each relay said. */
export interface PublishedList extends PublishedOwn, OwnListView {}
