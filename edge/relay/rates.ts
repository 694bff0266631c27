import { LIMITS } from "@oa/shared/core/limits.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Connection } from "./connection.ts";
import type { ClientMessage } from "./protocol.ts";

/** What one key or one address may still do: tokens that come back with time. */
interface Allowance {
  tokens: number;
  at_ms: number;
}

export interface Rate {
  readonly burst: number;
  readonly per_s: number;
}

/** The allowances of many. Those that were used longest ago are forgotten first, since they are full again. */
export type Allowances = Map<string, Allowance>;

export const AUTHOR_RATE: Rate = { burst: LIMITS.relay_key_burst, per_s: LIMITS.relay_key_per_s };
const ADDRESS_RATE: Rate = { burst: LIMITS.relay_address_burst, per_s: LIMITS.relay_address_per_s };
const SENT_RATE: Rate = { burst: LIMITS.relay_sent_burst_chars, per_s: LIMITS.relay_sent_chars_per_s };
/** What a message costs of an allowance, where it is not one. */
const COSTS: Partial<Readonly<Record<ClientMessage["verb"], number>>> = {
  REQ: LIMITS.relay_read_cost,
  COUNT: LIMITS.relay_read_cost,
  "NEG-OPEN": LIMITS.sync_cost,
  "NEG-MSG": LIMITS.relay_read_cost,
};

/** Whether a connection, or all those from its address together, say too much. Refusal: rate_limited. */
export function overRate(
  connection: Connection,
  verb: ClientMessage["verb"],
  addresses: Allowances,
  now_ms: number,
): Rejection | null {
  const cost = COSTS[verb] ?? 1;
  if (!withinRate(connection, cost, now_ms)) {
    return reject("rate_limited", "too many messages on this connection: slow down");
  }
  const { address } = connection;
  if (address === null || takeFrom(addresses, address, cost, ADDRESS_RATE, now_ms)) return null;
  return reject("rate_limited", "too many messages from your address: slow down");
}

/** Whether so many characters more may be sent to an address: what it does not read waits in this object's memory. */
export function maySend(sent: Allowances, { address }: Connection, chars: number, now_ms: number): boolean {
  return address === null || takeFrom(sent, address, chars, SENT_RATE, now_ms);
}

/** Takes `cost` from the connection's allowance; false when it is used up. */
function withinRate(connection: Connection, cost: number, now_ms: number): boolean {
  const earned = ((now_ms - connection.tokens_at_ms) * LIMITS.relay_rate_per_s) / 1000;
  connection.tokens = Math.min(LIMITS.relay_rate_burst, connection.tokens + Math.max(0, earned));
  connection.tokens_at_ms = now_ms;
  if (connection.tokens < cost) return false;
  connection.tokens -= cost;
  return true;
}

export function connectionsFrom(connections: Iterable<Connection>, address: string): number {
  let count = 0;
  for (const connection of connections) if (connection.address === address) count += 1;
  return count;
}

/** Takes `cost` from who's allowance; false where it is used up. */
export function takeFrom(allowances: Allowances, who: string, cost: number, rate: Rate, now_ms: number): boolean {
  const held = allowances.get(who) ?? { tokens: rate.burst, at_ms: now_ms };
  const earned = (Math.max(0, now_ms - held.at_ms) * rate.per_s) / 1000;
  const tokens = Math.min(rate.burst, held.tokens + earned);
  const enough = tokens >= cost;
  allowances.delete(who);
  allowances.set(who, { tokens: enough ? tokens - cost : tokens, at_ms: now_ms });
  if (allowances.size > LIMITS.relay_allowances) {
    for (const oldest of allowances.keys()) {
      allowances.delete(oldest);
      break;
    }
  }
  return enough;
}

/** Gives back one that was taken for nothing. */
export function giveBack(allowances: Allowances, who: string): void {
  const held = allowances.get(who);
  if (held !== undefined) held.tokens += 1;
}

/**
 * The address a limit applies to, from the header that Cloudflare sets: an IPv6 network counts as one. Null for this
 * machine itself, whose owner runs worker and browser on it, and where nobody says.
 */
export function limitedAddress(request: Request): string | null {
  const address = request.headers.get("CF-Connecting-IP")?.trim().toLowerCase().slice(0, 45) ?? "";
  if (address === "" || address === "::1" || /^127\./.test(address)) return null;
  if (!address.includes(":")) return address;
  // The network is the first four groups; "::" stands for groups of zero.
  const [head = "", tail] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...new Array<string>(zeros).fill("0"), ...right].slice(0, 4).join(":");
}
