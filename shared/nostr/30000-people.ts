import { LIMITS } from "../core/limits.ts";
import { MODERATION_ROLES, type ModerationRole } from "../core/moderation-words.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import { isOurs, KINDS, LABEL_NAMESPACE, tagValue } from "./kinds.ts";
import type { EventTemplate } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

/**
 * What a list of people is for. `curators`: whose decisions its signer makes its own, each within their roles.
 * `moderators`: whose decisions an operator keeps for the readers who choose them, and does not make its own.
 */
export const PEOPLE_LISTS = {
  curators: "openagents.curators",
  trusted_authors: "openagents.trusted-authors",
  moderators: "openagents.moderators",
} as const;
export type PeopleList = keyof typeof PEOPLE_LISTS;
const TITLES = {
  curators: "Curators",
  trusted_authors: "Trusted authors",
  moderators: "Moderators to choose",
} as const;

export interface Person {
  readonly pubkey: string;
  readonly name: string;
  /** Of a curator. */
  readonly roles: readonly ModerationRole[];
}

/** A signed list of people (NIP-51 follow set). Whoever trusts its signer trusts whom it names, for what it names. */
export interface People {
  readonly event_id: string;
  readonly created_at: number;
  readonly signer: string;
  readonly list: PeopleList;
  readonly people: readonly Person[];
}

/** The follow set (NIP-51, kind 30000) of a list; a curator's roles stand behind the name in their `p`. */
export function toEvent(
  { list, people }: Pick<People, "list" | "people">,
  options: { readonly created_at: number },
): EventTemplate {
  return {
    kind: KINDS.people.kind,
    created_at: options.created_at,
    content: "",
    tags: [
      ["d", PEOPLE_LISTS[list]],
      ["title", TITLES[list]],
      ["L", LABEL_NAMESPACE],
      ["l", list.replace("_", "-"), LABEL_NAMESPACE],
      ...people.map(({ pubkey, name, roles }) =>
        list === "curators" ? ["p", pubkey, "", name, ...roles] : ["p", pubkey, "", name],
      ),
    ],
  };
}

/** The list an event is; roles it does not know give nothing. Refusals: foreign_event, event_tag_mismatch. */
export function fromEvent(event: VerifiedEvent): People | Rejection {
  const list = (Object.keys(PEOPLE_LISTS) as PeopleList[]).find((name) => PEOPLE_LISTS[name] === tagValue(event, "d"));
  if (event.kind !== KINDS.people.kind || !isOurs(event) || list === undefined) {
    return reject("foreign_event", `event ${event.id} is not a list of curators, trusted authors or moderators`);
  }
  const tags = event.tags.filter(([name, key]) => name === "p" && isHex32(key));
  if (tags.length > LIMITS.moderation_people) {
    return reject("event_tag_mismatch", `list ${event.id} names over ${LIMITS.moderation_people} keys`);
  }
  const people = new Map<string, Person>();
  for (const [, pubkey = "", , name = "", ...words] of tags) {
    const roles = list === "curators" ? MODERATION_ROLES.filter((role) => words.includes(role)) : [];
    if (!people.has(pubkey)) people.set(pubkey, { pubkey, name: name.slice(0, 80), roles });
  }
  const { id: event_id, created_at, pubkey: signer } = event;
  return { event_id, created_at, signer, list, people: [...people.values()] };
}

/** The lists of these signers. */
export function filter(signers: readonly string[]) {
  return { kinds: [KINDS.people.kind], authors: signers, "#d": Object.values(PEOPLE_LISTS) };
}
