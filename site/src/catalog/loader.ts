import { createRequire } from "node:module";
import type { CatalogDetail, CatalogPage } from "@oa/shared/generated/types.ts";
import type * as Validators from "@oa/shared/generated/validators.cjs";
import type { Loader } from "astro/loaders";

// The generated validators are CommonJS, which Vite would try to read as a module.
const validators: typeof Validators = createRequire(import.meta.url)("@oa/shared/generated/validators.cjs");

const PAGES_MAX = 10_000;

/**
 * Reads every listing, with the signed events it came from, from an edge's catalog. Without an address the catalog is
 * empty, so that the documentation can be built alone; an edge that does not answer fails the build.
 */
export function catalogLoader(edge_url: string | undefined) {
  return {
    name: "catalog",
    load: async ({ store, logger, generateDigest }) => {
      store.clear();
      if (edge_url === undefined) {
        logger.info("OA_CATALOG_URL is not set: building without a catalog");
        return;
      }
      for await (const detail of readCatalog(edge_url)) {
        const { listing } = detail;
        const id = `${listing.pubkey}/${listing.slug}`;
        store.set({ id, data: { ...detail }, digest: generateDigest({ id: listing.event_id }) });
      }
    },
  } satisfies Loader;
}

async function* readCatalog(edge_url: string): AsyncGenerator<CatalogDetail> {
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const address: URL = new URL("/v1/listings", edge_url);
    if (cursor !== null) address.searchParams.set("cursor", cursor);
    const { listings, next_cursor }: CatalogPage = await read(address, validators.isCatalogPage);
    for (const { address } of listings) {
      yield await read(new URL(`/v1/listings/${encodeURIComponent(address)}`, edge_url), validators.isCatalogDetail);
    }
    if (next_cursor === null) return;
    cursor = next_cursor;
  }
  throw new Error(`the catalog at ${edge_url} has more than ${PAGES_MAX} pages`);
}

async function read<T>(address: URL, isValid: (value: unknown) => value is T): Promise<T> {
  const response = await fetch(address, { signal: AbortSignal.timeout(30_000) });
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  const value: unknown = await response.json();
  if (!isValid(value)) throw new Error(`${address} did not answer with what its schema says`);
  return value;
}
