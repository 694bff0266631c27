import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, CatalogPage } from "@oa/shared/generated/types.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import { filters as yankFilters } from "@oa/shared/nostr/yank.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import type { Config } from "../config.ts";
import { type AddressNamed, addressText, type CatalogList } from "./naming.ts";
import type { ListingAddress } from "./upgrade-source.ts";

/** What is asked of the edge is answered so where there is none. */
export const NO_EDGE = reject(
  "unreachable",
  "no edge is set: start the worker with --edge URL, or set edge_url in config.json",
);

/** The edge's catalog, as the moderators that the owner chose leave it. */
export function catalogOf(edge: EdgeClient | null, { moderators }: Pick<Config, "moderators">): CatalogList | null {
  if (edge === null) return null;
  return (query, signal) => {
    const asked = new URLSearchParams(query);
    if (moderators !== null && !asked.has("moderators")) asked.set("moderators", chosenText(moderators));
    return edge.get<CatalogPage>(`/v1/listings?${asked}`, signal);
  };
}

/** The catalog and its listings, by whatever names them. */
export function marketPort(options: {
  readonly edge: EdgeClient | null;
  readonly catalog: CatalogList | null;
  readonly config: Pick<Config, "moderators">;
  readonly addressNamed: AddressNamed;
}): ControlPorts["market"] {
  const { edge, catalog, config } = options;
  return {
    list: async (query, signal) => (catalog === null ? NO_EDGE : catalog(query, signal)),
    get: async (text, signal) => {
      const address = await options.addressNamed(text, signal);
      if (isRejection(address)) return address;
      return edge === null ? NO_EDGE : edge.get(listingPath(address, config.moderators), signal);
    },
  };
}

function listingPath(address: string, moderators: readonly string[] | null): string {
  const path = `/v1/listings/${encodeURIComponent(address)}`;
  return moderators === null ? path : `${path}?moderators=${chosenText(moderators)}`;
}

/** As the edge's query takes them. */
function chosenText(moderators: readonly string[]): string {
  return moderators.length === 0 ? "none" : moderators.join();
}

/** Relays as far as looking up a listing needs them; each answer is a signed event that was verified. */
export type QueryRelays = (
  filters: readonly WireFilter[],
  relays: readonly string[],
  signal: AbortSignal,
) => Promise<readonly unknown[]>;

/**
 * The signed events of a listing and its releases: from the catalog, else from the relays of the address and the
 * worker's own, so that no edge is needed to install. What moderators that the owner trusts took down is not looked for
 * elsewhere. Refusals: listing_taken_down, listing_held, and those of the catalog.
 */
export function listingLookUp(options: {
  readonly edge: EdgeClient | null;
  readonly relays: readonly string[];
  readonly moderators: readonly string[] | null;
  readonly queryRelays: QueryRelays;
}): (address: ListingAddress, signal: AbortSignal) => Promise<readonly unknown[] | Rejection> {
  const { edge, queryRelays } = options;
  return async (address, signal) => {
    const found =
      edge === null ? NO_EDGE : await fromCatalog(edge, listingPath(addressText(address), options.moderators), signal);
    if (!isRejection(found)) return found;
    if (found.code === "listing_taken_down" || found.code === "listing_held") return found;
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
  path: string,
  signal: AbortSignal,
): Promise<readonly unknown[] | Rejection> {
  try {
    const detail = await edge.get<CatalogDetail>(path, signal);
    return isRejection(detail) ? detail : [detail.event, ...detail.release_events];
  } catch (error) {
    if (error instanceof Fault && !signal.aborted) return reject(error.code, error.message);
    throw error;
  }
}
