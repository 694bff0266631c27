import { LIMITS } from "../core/limits.ts";
import { type Rejection, reject } from "../core/refusal.ts";
import { KINDS } from "./kinds.ts";
import type { NostrEvent, VerifiedEvent } from "./verify.ts";

/** Where one key publishes, and where it looks (NIP-65). */
export interface RelayList {
  readonly author: string;
  readonly created_at: number;
  /** Addresses of public relays, each once, in the order of the list. */
  readonly write: readonly string[];
  readonly read: readonly string[];
}

/**
 * The relay list of an event; what is no public relay in it, nor one of those that are `also` taken, is passed over.
 * Refusal: foreign_event.
 */
export function fromEvent(event: VerifiedEvent, also: readonly string[] = []): RelayList | Rejection {
  if (event.kind !== KINDS.relay_list.kind) return reject("foreign_event", `event ${event.id} is not a relay list`);
  return {
    author: event.pubkey,
    created_at: event.created_at,
    write: relaysOf(event, "write", also),
    read: relaysOf(event, "read", also),
  };
}

function relaysOf(event: NostrEvent, use: "read" | "write", also: readonly string[]): readonly string[] {
  const urls = event.tags.flatMap(([name, url, marker]) => {
    if (name !== "r" || url === undefined || (marker !== undefined && marker !== "" && marker !== use)) return [];
    const relay = also.includes(url) ? url : publicRelay(url);
    return relay === null ? [] : [relay];
  });
  return [...new Set(urls)].slice(0, LIMITS.relay_list_relays);
}

/** Names that no public DNS knows, or that stand for this machine or its network (RFC 6761, 6762, 8375, 9476). */
const PRIVATE_NAMES =
  /(^|\.)(localhost|local|localdomain|internal|intranet|lan|home|corp|arpa|test|invalid|onion|alt)$/;

/**
 * A relay's address in one spelling, if it can be one of the public internet: encrypted, by a name and not an address,
 * without a password. Null for any other. What the name stands for is checked where it is connected to.
 */
export function publicRelay(text: string): string | null {
  if (text.length > LIMITS.relay_url_chars) return null;
  const match = /^wss:\/\/([a-z0-9.-]+)(?::(\d{1,5}))?((?:\/[\x21\x22\x24-\x7e]*)?)$/i.exec(text);
  if (match === null) return null;
  const [, host = "", port, path = ""] = match;
  const name = host.toLowerCase().replace(/\.$/, "");
  if (!/^([a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{1,62}$/.test(name) || PRIVATE_NAMES.test(name)) return null;
  if (port !== undefined && (Number(port) === 0 || Number(port) > 65_535)) return null;
  return `wss://${name}${port === undefined || port === "443" ? "" : `:${Number(port)}`}${path === "" ? "/" : path}`;
}
