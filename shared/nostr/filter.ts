import { LIMITS } from "../core/limits.ts";
import { isRejection, type Rejection, reject } from "../core/refusal.ts";
import { isHex32, type NostrEvent } from "./verify.ts";

/** A NIP-01 filter that has been checked: all its conditions hold together; a list matches any of its values. */
export interface NostrFilter {
  readonly ids?: readonly string[];
  readonly authors?: readonly string[];
  readonly kinds?: readonly number[];
  readonly since?: number;
  readonly until?: number;
  readonly limit?: number;
  /** NIP-50: every word of it, or the start of a word, is in the content or in a searchable tag. */
  readonly search?: string;
  /** `#x` conditions by their letter. */
  readonly tags: Readonly<Record<string, readonly string[]>>;
}

/** A filter as NIP-01 writes it: what a relay is asked. */
export type WireFilter = Omit<NostrFilter, "tags"> & {
  readonly [tag: `#${string}`]: readonly string[] | undefined;
};

const HEX_TAGS = new Set(["e", "p"]);

/**
 * Checks one filter from outside, on a fresh copy. A condition it does not know is refused, since ignoring one would
 * answer a wider question than was asked. Refusal: filter_invalid. NIP-01, NIP-50.
 */
export function parseFilter(raw: unknown): NostrFilter | Rejection {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return invalid("a filter is a JSON object");
  const filter: { -readonly [key in keyof NostrFilter]: NostrFilter[key] } = { tags: {} };
  const tags: Record<string, readonly string[]> = {};
  for (const [name, value] of Object.entries(raw)) {
    switch (name) {
      case "ids":
      case "authors": {
        const list = hexList(name, value);
        if (isRejection(list)) return list;
        filter[name] = list;
        break;
      }
      case "kinds": {
        const list = listOf(name, value, isKind, "kinds from 0 to 65535");
        if (isRejection(list)) return list;
        filter.kinds = list;
        break;
      }
      case "since":
      case "until":
      case "limit":
        if (!isWhole(value)) return invalid(`${name} is not a whole number from 0 up`);
        filter[name] = value;
        break;
      case "search":
        if (typeof value !== "string" || value.length > LIMITS.filter_search_chars) {
          return invalid(`search is not a text of at most ${LIMITS.filter_search_chars} characters`);
        }
        filter.search = value;
        break;
      default: {
        const letter = /^#([A-Za-z])$/.exec(name)?.[1];
        if (letter === undefined) return invalid(`it has the unknown condition ${JSON.stringify(name.slice(0, 40))}`);
        const list = HEX_TAGS.has(letter) ? hexList(name, value) : listOf(name, value, isTagValue, "strings");
        if (isRejection(list)) return list;
        tags[letter] = list;
      }
    }
  }
  if (Object.keys(tags).length > LIMITS.filter_tags) {
    return invalid(`it has over ${LIMITS.filter_tags} tag conditions`);
  }
  return { ...filter, tags };
}

/** Whether an event meets a filter. `search` is not looked at: it belongs to stored events, which an index answers. */
export function matchesFilter(filter: NostrFilter, event: NostrEvent): boolean {
  if (filter.since !== undefined && event.created_at < filter.since) return false;
  if (filter.until !== undefined && event.created_at > filter.until) return false;
  if (filter.kinds !== undefined && !filter.kinds.includes(event.kind)) return false;
  if (filter.ids !== undefined && !filter.ids.includes(event.id)) return false;
  if (filter.authors !== undefined && !filter.authors.includes(event.pubkey)) return false;
  return Object.entries(filter.tags).every(([letter, values]) =>
    event.tags.some((tag) => tag[0] === letter && tag[1] !== undefined && values.includes(tag[1])),
  );
}

function hexList(name: string, value: unknown): readonly string[] | Rejection {
  return listOf(name, value, isHex32, "64 lower-case hex digits each");
}

function listOf<T>(
  name: string,
  value: unknown,
  is: (item: unknown) => item is T,
  form: string,
): readonly T[] | Rejection {
  if (!Array.isArray(value)) return invalid(`${name} is not a list`);
  if (value.length > LIMITS.filter_values) return invalid(`${name} has over ${LIMITS.filter_values} values`);
  const list: T[] = [];
  for (const item of value as readonly unknown[]) {
    if (!is(item)) return invalid(`${name} must hold ${form}`);
    list.push(item);
  }
  return list;
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
function isKind(value: unknown): value is number {
  return isWhole(value) && value <= 65_535;
}
function isTagValue(value: unknown): value is string {
  return typeof value === "string" && value.length <= LIMITS.nostr_tag_value_bytes;
}
function invalid(why: string): Rejection {
  return reject("filter_invalid", `the filter is refused: ${why}`);
}
