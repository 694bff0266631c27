import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import { isListingAddress } from "./30054-rating.ts";
import { KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import { type EventTemplate, isLabelled, labelTags, tagValues } from "./template.ts";
import type { VerifiedEvent } from "./verify.ts";

/** Listings that one key put together. */
export interface CuratedList {
  /** `30267:<signer>:<name>`, or `30001:…` of an old one. */
  readonly address: string;
  readonly event_id: string;
  readonly created_at: number;
  readonly signer: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Full addresses, in the signer's order, each once. */
  readonly listings: readonly string[];
}

/** The app curation set (NIP-51, kind 30267) of a list of listings. */
export function toEvent(
  list: Pick<CuratedList, "name" | "title" | "description" | "listings">,
  options: { readonly created_at: number },
): EventTemplate {
  return {
    kind: KINDS.curated.kind,
    created_at: options.created_at,
    content: "",
    tags: [
      ["d", list.name],
      ["title", list.title],
      ["description", list.description],
      ...labelTags(KINDS.curated),
      ...list.listings.map((listing) => ["a", listing]),
      ["alt", `A list of agent upgrades: ${list.title}`],
    ],
  };
}

/** The list an event is. Refusals: foreign_event (dropped without noise), event_tag_mismatch. */
export function fromEvent(event: VerifiedEvent): CuratedList | Rejection {
  if (!isLabelled(event, KINDS.curated)) {
    return reject("foreign_event", `event ${event.id} is not labelled as a list of upgrades`);
  }
  return listIn(event);
}

/** The listings and names of a list event, of whichever kind. Refusal: event_tag_mismatch. */
export function listIn(event: VerifiedEvent): CuratedList | Rejection {
  const mismatch = (why: string): Rejection => reject("event_tag_mismatch", `curated list ${event.id}: ${why}`);
  const name = tagValue(event, "d") ?? "";
  if (!/^[a-z0-9_.-]{1,64}$/.test(name)) return mismatch("its d is not a name of a-z, 0-9, dots, - and _");
  const title = tagValue(event, "title") ?? tagValue(event, "name") ?? name;
  const description = tagValue(event, "description") ?? tagValue(event, "about") ?? "";
  if (title.length > LIMITS.curated_title_chars) return mismatch("its title is too long");
  if (description.length > LIMITS.curated_description_chars) return mismatch("its description is too long");
  const listings = [...new Set(tagValues(event, "a").filter(isListingAddress))];
  if (listings.length > LIMITS.curated_listings) return mismatch(`it has over ${LIMITS.curated_listings} listings`);
  const { id: event_id, created_at, pubkey: signer } = event;
  const address = `${event.kind}:${signer}:${name}`;
  return { address, event_id, created_at, signer, name, title, description, listings };
}

/** Lists by their signers, or all. */
export function filter(narrow: { readonly signers?: readonly string[]; readonly names?: readonly string[] } = {}) {
  const { signers, names } = narrow;
  return {
    kinds: [KINDS.curated.kind],
    "#L": [LABEL_NAMESPACE],
    ...(signers === undefined ? {} : { authors: signers }),
    ...(names === undefined ? {} : { "#d": names }),
  };
}
