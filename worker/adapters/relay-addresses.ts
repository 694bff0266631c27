import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { type EgressOptions, openEgress } from "./egress.ts";
import { isPublicAddress } from "./ip-address.ts";
import type { RelayAddresses } from "./relay-connection.ts";

/**
 * Where relays may be: those of the owner's settings anywhere, and any other, which somebody else's listing, release or
 * order names, only on the public internet. Faults: those of `Egress.resolve`.
 */
export function relayAddresses(
  own: readonly string[],
  private_allow: readonly string[],
  options: Pick<EgressOptions, "lookup"> = {},
): RelayAddresses {
  const allowed = [...private_allow, ...own.filter((url) => URL.canParse(url)).map(hostPort)];
  return async (url, signal) => {
    const host = hostPort(url);
    // One address and nothing else: what is asked for is what is granted. Relays limit how often they are asked.
    const egress = openEgress([`network:egress:${host}`], {
      ...{ ...options, private_allow: allowed, rate: { take: () => {} } },
    });
    const found = await egress.resolve(asHttp(url).href, { timeout_ms: LIMITS.relay_connect_ms, signal });
    // An address in place of a name is no owner's choice here, as it is in a grant.
    const closed = allowed.includes(host) ? undefined : found.find((address) => !isPublicAddress(address));
    if (closed === undefined) return found;
    throw new Fault("egress_private_address", `the relay ${url} is at ${closed}, on this machine or its network`);
  };
}

/** A WebSocket begins as an HTTP request. */
function asHttp(url: string): URL {
  return new URL(url.replace(/^ws/i, "http"));
}

function hostPort(url: string): string {
  const { hostname, port, protocol } = asHttp(url);
  return `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
}
