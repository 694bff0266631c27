import { type Rejection, reject } from "../core/refusal.ts";
import { KINDS } from "./kinds.ts";
import { type EventTemplate, tagValues } from "./template.ts";
import { isHex32, type VerifiedEvent } from "./verify.ts";

/** Whom one key follows (NIP-02). */
export interface FollowList {
  readonly event_id: string;
  readonly created_at: number;
  readonly author: string;
  /** Each key once, in the order of the list; never the author. */
  readonly follows: readonly string[];
}

export function toEvent(follows: readonly string[], options: { readonly created_at: number }): EventTemplate {
  const tags = follows.map((key) => ["p", key]);
  return { kind: KINDS.follows.kind, created_at: options.created_at, content: "", tags };
}

/** The follow list of an event; what is no key in it is passed over. Refusal: foreign_event. */
export function fromEvent(event: VerifiedEvent): FollowList | Rejection {
  if (event.kind !== KINDS.follows.kind) return reject("foreign_event", `event ${event.id} is not a follow list`);
  const keys = tagValues(event, "p").filter((key) => isHex32(key) && key !== event.pubkey);
  return { event_id: event.id, created_at: event.created_at, author: event.pubkey, follows: [...new Set(keys)] };
}

export function filter(authors: readonly string[]) {
  return { kinds: [KINDS.follows.kind], authors };
}
