import type { CatalogListing } from "@oa/shared/generated/types.ts";
import type { Moderator } from "@oa/shared/moderation/mirror.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";

/** What its author goes by: the name they give, else the start of their key. */
export function authorInWords({ author_name, npub }: Pick<CatalogListing, "author_name" | "npub">): string {
  return author_name === undefined || author_name.trim() === "" ? `${npub.slice(0, 12)}…` : author_name;
}

const PLATFORMS: Readonly<Record<string, string>> = { macos: "macOS", linux: "Linux" };

/** Where it runs, as those systems write their names. */
export function platformsInWords(platforms: CatalogListing["platforms"]): string {
  return platforms.map((name) => PLATFORMS[name] ?? name).join(", ");
}

/** What a moderator goes by: the name that the operator's list gives it, else the start of its key. */
export function moderatorInWords({
  pubkey,
  name,
  standing,
}: Pick<Moderator, "pubkey" | "name"> & { readonly standing?: Moderator["standing"] }): string {
  if (name.trim() !== "") return name;
  return standing === "operator" ? "This mirror’s operator" : `${hexToNpub(pubkey).slice(0, 12)}…`;
}

/** What a moderator is to a mirror. */
export function standingInWords({ standing, roles }: Pick<Moderator, "standing" | "roles">): string {
  if (standing === "operator") return "signs the list of this mirror’s curators, and decides itself";
  if (standing === "offered") return "offered to readers by the operator, and not one of its curators";
  return `curator of this mirror: ${roles.join(", ").replaceAll("_", " ")}`;
}
