import type { OwnListView, PublishedList } from "@oa/shared/api/moderation.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { ModerationRole } from "@oa/shared/core/moderation-words.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { ControlCurate } from "@oa/shared/generated/types.ts";
import {
  PEOPLE_LISTS,
  type PeopleList,
  type Person,
  fromEvent as peopleIn,
  toEvent as peopleTo,
} from "@oa/shared/nostr/30000-people.ts";
import { fromEvent as oldListIn } from "@oa/shared/nostr/30001-old-list.ts";
import { fromEvent as mutesIn, toEvent as mutesTo } from "@oa/shared/nostr/30007-kind-mutes.ts";
import { fromEvent as curatedIn, toEvent as curatedTo } from "@oa/shared/nostr/30267-curated.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { hexToNpub, npubToHex } from "@oa/shared/nostr/npub.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import { isHex32, type VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import type { AddressNamed } from "./naming.ts";
import { type OwnPublishOptions, relaysFor, sendOwn, signOwn } from "./own-publish.ts";

type Kind = OwnListView["kind"];

interface Found {
  readonly list: OwnListView;
  readonly event: VerifiedEvent;
}

/** A list of the owner's as its relays have it. Refusals: usage, not_found. */
export async function listShown(
  name: string,
  options: OwnPublishOptions,
  signal: AbortSignal,
): Promise<OwnListView | Rejection> {
  const relays = relaysFor(options, undefined);
  if (isRejection(relays)) return relays;
  const found = await newestOf(name, relays, options, signal);
  return found?.list ?? reject("not_found", `your relays have no list ${name} of yours; oa curate create makes one`);
}

/**
 * Changes a list and publishes it; without a change it is sent again as it is. Refusals: usage, file_exists, not_found,
 * those of publishing.
 */
export async function curate(
  request: ControlCurate,
  options: OwnPublishOptions & { readonly addressNamed: AddressNamed },
  signal: AbortSignal,
): Promise<PublishedList | Rejection> {
  const { list: name, create = false } = request;
  const own = relaysFor(options, undefined);
  const relays = relaysFor(options, request.relays);
  if (isRejection(relays)) return relays;
  const found = await newestOf(name, isRejection(own) ? relays : own, options, signal);
  if (create && found !== null) return reject("file_exists", `there is a list ${name} of yours already; add to it`);
  // Lists of keys have one meaning each and start empty; one of listings is made on purpose.
  if (found === null && !create && kindOf(name) === "listings") {
    return reject("not_found", `your relays have no list ${name} of yours; oa curate create makes one`);
  }
  const changed = await change(found?.list ?? emptyList(name, options), request, (text) =>
    options.addressNamed(text, signal),
  );
  if (isRejection(changed)) return changed;
  const same = found !== null && JSON.stringify(changed) === JSON.stringify(found.list);
  if (found !== null && same) return sent(found.list, found.event, relays, options, signal);
  const created_at = Math.max(Math.floor(options.now_ms() / 1_000), (found?.event.created_at ?? 0) + 1);
  const event = await signOwn(templateOf(changed, created_at), "owner/curate", options);
  return isRejection(event) ? event : sent(changed, event, relays, options, signal);
}

async function sent(
  list: OwnListView,
  event: Parameters<typeof sendOwn>[0],
  relays: readonly string[],
  options: OwnPublishOptions,
  signal: AbortSignal,
): Promise<PublishedList | Rejection> {
  const done = await sendOwn(event, relays, "owner/curate", options, signal);
  return isRejection(done) ? done : { ...done, ...list };
}

function kindOf(name: string): Kind {
  if (name === "trusted-authors") return "trusted_authors";
  return name === "curators" || name === "moderators" || name === "blocklist" ? name : "listings";
}

function emptyList(name: string, { signer }: OwnPublishOptions): OwnListView {
  const npub = hexToNpub(signer.public_key);
  return { name, kind: kindOf(name), npub, title: name, description: "", listings: [], people: [] };
}

async function newestOf(
  name: string,
  relays: readonly string[],
  options: OwnPublishOptions,
  signal: AbortSignal,
): Promise<Found | null> {
  const authors = [options.signer.public_key];
  const kind = kindOf(name);
  const filters: readonly WireFilter[] =
    kind === "listings"
      ? [{ kinds: [KINDS.curated.kind, KINDS.old_list.kind], authors, "#d": [name] }]
      : kind === "blocklist"
        ? [{ kinds: [KINDS.kind_mutes.kind], authors }]
        : [{ kinds: [KINDS.people.kind], authors, "#d": [PEOPLE_LISTS[kind]] }];
  const events = await options.pool.query(relays, filters, { timeout_ms: LIMITS.publish_timeout_ms, signal });
  const found = events.flatMap((event): readonly Found[] => {
    const list = read(event, emptyList(name, options));
    return list === null ? [] : [{ list, event }];
  });
  return found.sort((a, b) => b.event.created_at - a.event.created_at || (a.event.id < b.event.id ? -1 : 1))[0] ?? null;
}

function read(event: VerifiedEvent, empty: OwnListView): OwnListView | null {
  switch (empty.kind) {
    case "listings": {
      const list = event.kind === KINDS.curated.kind ? curatedIn(event) : oldListIn(event);
      if (isRejection(list)) return null;
      const { title, description, listings } = list;
      return { ...empty, title, description, listings };
    }
    case "blocklist": {
      const list = mutesIn(event);
      return isRejection(list) ? null : { ...empty, people: list.keys.map((key) => person(key, "", [])) };
    }
    default: {
      const list = peopleIn(event);
      if (isRejection(list) || list.list !== empty.kind) return null;
      return { ...empty, people: list.people.map(({ pubkey, name, roles }) => person(pubkey, name, roles)) };
    }
  }
}

function person(pubkey: string, name: string, roles: readonly ModerationRole[]): OwnListView["people"][number] {
  return { pubkey, npub: hexToNpub(pubkey), name, roles };
}

function templateOf(
  { kind, name, title, description, listings, people }: OwnListView,
  created_at: number,
): EventTemplate {
  if (kind === "listings") return curatedTo({ name, title, description, listings }, { created_at });
  const keys = people.map(({ pubkey }) => pubkey);
  if (kind === "blocklist") return mutesTo(keys, { created_at });
  const list: PeopleList = kind;
  return peopleTo(
    { list, people: people.map(({ pubkey, name: of, roles }): Person => ({ pubkey, name: of, roles })) },
    { created_at },
  );
}

async function change(
  list: OwnListView,
  request: ControlCurate,
  addressOf: (text: string) => Promise<string | Rejection>,
): Promise<OwnListView | Rejection> {
  const { title = list.title, description = list.description, add = [], remove = [] } = request;
  if (list.kind === "listings") {
    if ((request.roles ?? []).length > 0) return reject("usage", "only curators have roles");
    const [added, removed] = [await all(add, addressOf), await all(remove, addressOf)];
    if (isRejection(added)) return added;
    if (isRejection(removed)) return removed;
    const listings = [...new Set([...list.listings, ...added])].filter((one) => !removed.includes(one));
    return { ...list, title, description, listings };
  }
  const [added, removed] = [await all(add, keyOf), await all(remove, keyOf)];
  if (isRejection(added)) return added;
  if (isRejection(removed)) return removed;
  const { roles = [], name = "" } = request;
  if (list.kind === "curators" && added.length > 0 && roles.length === 0) {
    return reject("usage", "say what the curator may do: --role hold, label, take_down, restore, feature or relay");
  }
  if (list.kind !== "curators" && roles.length > 0) return reject("usage", "only curators have roles");
  const kept = list.people.filter(({ pubkey }) => !removed.includes(pubkey) && !added.includes(pubkey));
  return { ...list, people: [...kept, ...added.map((key) => person(key, name, roles))] };
}

async function all(
  texts: readonly string[],
  read: (text: string) => Promise<string | Rejection> | string | Rejection,
): Promise<readonly string[] | Rejection> {
  const values: string[] = [];
  for (const text of texts) {
    const value = await read(text);
    if (isRejection(value)) return value;
    values.push(value);
  }
  return values;
}

function keyOf(text: string): string | Rejection {
  const key = isHex32(text) ? text : npubToHex(text);
  return key ?? reject("usage", `${text.slice(0, 80)} is not a key: write 64 hex digits or an npub`);
}
