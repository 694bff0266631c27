import { type Rejection, reject } from "../core/refusal.ts";

/** What a coordinator needs to show a worker's one-time secret to it: read from a QR code, a link or a paste. */
export interface Invitation {
  /** The worker's public key. */
  readonly worker: string;
  readonly secret: string;
  /** Where the worker listens. */
  readonly relays: readonly string[];
  /** Where its mailbox is; null: it has none. */
  readonly edge_url: string | null;
  /** Unix seconds after which the secret is worthless. */
  readonly expires_at: number;
}

const RELAYS_MAX = 8;
const RELAY = /^wss?:\/\/[^\s#]{1,500}$/;
const EDGE = /^https?:\/\/[^\s#?]{1,500}$/;

/**
 * The invitation as a link to a coordinator's page. All of it stands in the fragment, which browsers never send to the
 * server the page comes from. Without a page it is the fragment alone, for pasting.
 */
export function invitationLink(invitation: Invitation, page_url: string | null): string {
  const { worker, secret, relays, edge_url, expires_at } = invitation;
  const more = [
    ["until", String(expires_at)],
    ...relays.slice(0, RELAYS_MAX).map((relay) => ["relay", relay]),
    ...(edge_url === null ? [] : [["edge", edge_url]]),
  ];
  const text = more.map(([name, value = ""]) => `&${name}=${encodeURIComponent(value)}`).join("");
  return `${page_url ?? ""}#pair=${worker}.${secret}${text}`;
}

/** Reads a link, or its fragment. Refusal: usage, with a sentence that repeats nothing of it, since it holds a secret. */
export function parseInvitation(text: string): Invitation | Rejection {
  const wrong = (why: string): Rejection =>
    reject("usage", `this is no invitation of a worker: ${why}; \`oa pair add\` on the worker shows one`);
  const [, worker, secret, rest = ""] =
    /(?:^|#)pair=([0-9a-f]{64})\.([A-Za-z0-9_-]{16,64})((?:&[^\s#]*)?)$/.exec(text.trim()) ?? [];
  if (worker === undefined || secret === undefined) return wrong("it has no worker's key and secret");
  const fields = rest.split("&").flatMap((part): readonly (readonly [string, string])[] => {
    const [name = "", ...value] = part.split("=");
    const decoded = uriDecoded(value.join("="));
    return decoded === null ? [] : [[name, decoded]];
  });
  const relays = [...new Set(fields.flatMap(([name, value]) => (name === "relay" ? [value] : [])))];
  if (relays.length > RELAYS_MAX || relays.some((relay) => !RELAY.test(relay)))
    return wrong("it names what is no relay");
  const edge_url = fields.find(([name]) => name === "edge")?.[1] ?? null;
  if (edge_url !== null && !EDGE.test(edge_url)) return wrong("it names what is no edge");
  if (relays.length === 0) return wrong("it names no relay on which the worker could hear of it");
  const until = fields.find(([name]) => name === "until")?.[1] ?? "";
  if (!/^\d{1,11}$/.test(until)) return wrong("it does not say how long it is good for");
  return { worker, secret, relays, edge_url, expires_at: Number(until) };
}

function uriDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // what is not encoded well says nothing
  }
}
