import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail } from "@oa/shared/generated/types.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { filters as yankFilters } from "@oa/shared/nostr/yank.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import type { RelayFilter } from "../adapters/relay-pool.ts";
import { type ListingAddress, parseAddress } from "./upgrade-source.ts";

/** What is asked of the edge is answered so where there is none. */
export const NO_EDGE = reject(
  "unreachable",
  "no edge is set: start the worker with --edge URL, or set edge_url in config.json",
);

/** The edge's catalog. */
export function marketPort(edge: EdgeClient | null): ControlPorts["market"] {
  return {
    list: async (query, signal) => (edge === null ? NO_EDGE : edge.get(`/v1/listings?${query}`, signal)),
    get: async (text, signal) => {
      const address = parseAddress(text);
      if (isRejection(address)) return address;
      return edge === null ? NO_EDGE : edge.get(`/v1/listings/${encodeURIComponent(addressText(address))}`, signal);
    },
  };
}

/** Relays as far as looking up a listing needs them; each answer is a signed event that was verified. */
export type QueryRelays = (
  filters: readonly RelayFilter[],
  relays: readonly string[],
  signal: AbortSignal,
) => Promise<readonly unknown[]>;

/**
 * The signed events of a listing and its releases: from the catalog, else from the relays of the address and the
 * worker's own, so that no edge is needed to install.
 */
export function listingLookUp(options: {
  readonly edge: EdgeClient | null;
  readonly relays: readonly string[];
  readonly queryRelays: QueryRelays;
}): (address: ListingAddress, signal: AbortSignal) => Promise<readonly unknown[] | Rejection> {
  const { edge, queryRelays } = options;
  return async (address, signal) => {
    const found = edge === null ? NO_EDGE : await fromCatalog(edge, address, signal);
    if (!isRejection(found)) return found;
    const relays = [...new Set([...address.relays, ...options.relays])];
    if (relays.length === 0) return found;
    const authors = [address.author];
    const filters = [
      { kinds: [KINDS.manifest.kind], authors, "#d": [address.slug] },
      { kinds: [KINDS.release.kind], authors, "#a": [addressText(address)] },
      ...yankFilters(authors),
    ];
    return queryRelays(filters, relays, signal);
  };
}

async function fromCatalog(
  edge: EdgeClient,
  address: ListingAddress,
  signal: AbortSignal,
): Promise<readonly unknown[] | Rejection> {
  try {
    const detail = await edge.get<CatalogDetail>(`/v1/listings/${encodeURIComponent(addressText(address))}`, signal);
    return isRejection(detail) ? detail : [detail.event, ...detail.release_events];
  } catch (error) {
    if (error instanceof Fault && !signal.aborted) return reject(error.code, error.message);
    throw error;
  }
}

function addressText({ author, slug }: ListingAddress): string {
  return `${KINDS.manifest.kind}:${author}:${slug}`;
}
