import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, CatalogPage } from "@oa/shared/generated/types.ts";
import { chosenIn } from "@oa/shared/moderation/chosen.ts";
import type { WireFilter } from "@oa/shared/nostr/filter.ts";
import { KINDS } from "@oa/shared/nostr/kinds.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { filters as yankFilters } from "@oa/shared/nostr/yank.ts";
import type { EdgeClient } from "../adapters/edge-client.ts";
import type { Config } from "../config.ts";
import { asChosen, chosenModerators, refuseModerated } from "./moderators.ts";
import { type AddressNamed, addressText, type CatalogList } from "./naming.ts";
import type { LookUp } from "./upgrade-source.ts";

/** What is asked of the edge is answered so where there is none. */
export const NO_EDGE = reject(
  "unreachable",
  "no edge is set: start the worker with --edge URL, or set edge_url in config.json (with local_only none is used)",
);

/** The edge's catalog, as the moderators that the owner chose leave it. */
export function catalogOf(edge: EdgeClient | null, { moderators }: Pick<Config, "moderators">): CatalogList | null {
  if (edge === null) return null;
  return (query, signal) => {
    const path = `/v1/listings?${query}`;
    return edge.get<CatalogPage>(query.has("moderators") ? path : asChosen(path, moderators), signal);
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
    get: async (text, moderators, signal) => {
      const chosen = moderators === null ? config.moderators : chosenIn(moderators);
      if (isRejection(chosen)) return chosen;
      const address = await options.addressNamed(text, signal);
      if (isRejection(address)) return address;
      return edge === null ? NO_EDGE : edge.get(listingPath(address, chosen), signal);
    },
  };
}

function listingPath(address: string, moderators: readonly string[] | null): string {
  return asChosen(`/v1/listings/${encodeURIComponent(address)}`, moderators);
}

/** Relays as far as looking up a listing needs them; each answer is a signed event that was verified. */
export type QueryRelays = (
  filters: readonly WireFilter[],
  relays: readonly string[],
  signal: AbortSignal,
) => Promise<readonly VerifiedEvent[]>;

/**
 * The signed events of a listing and its releases: from the catalog, else from the relays of the address and the
 * worker's own, so that no edge is needed to install. What moderators that the owner trusts took down is not looked for
 * elsewhere, and what they took down is refused wherever it was found. Refusals: listing_taken_down, listing_held, and
 * those of the catalog.
 */
export function listingLookUp(options: {
  readonly edge: EdgeClient | null;
  readonly relays: readonly string[];
  readonly config: Pick<Config, "moderators" | "local_only">;
  readonly queryRelays: QueryRelays;
  readonly now_ms: () => number;
}): LookUp {
  const { edge, config, queryRelays } = options;
  const setting = chosenModerators(config, edge);
  return async (address, signal, asked) => {
    const path = listingPath(addressText(address), asked ?? config.moderators);
    const found = edge === null ? NO_EDGE : await fromCatalog(edge, path, signal);
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
    const events = await queryRelays(filters, relays, signal);
    const chosen = asked ?? (await setting(signal).catch(unknownWhileUnreachable)) ?? [];
    const query = (wanted: readonly WireFilter[]) => queryRelays(wanted, relays, signal);
    const now_s = Math.floor(options.now_ms() / 1_000);
    for (const { kind, id: event_id, pubkey } of events) {
      if (kind !== KINDS.manifest.kind || pubkey !== address.author) continue;
      const refused = await refuseModerated(chosen, { address: addressText(address), pubkey, event_id }, query, now_s);
      if (refused !== null) return refused;
    }
    return events;
  };
}

/** An edge that does not answer names no operator; who moderates by it is heard when it does. */
function unknownWhileUnreachable(error: unknown): null {
  if (error instanceof Fault) return null;
  throw error;
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
