import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as Validators from "@oa/shared/generated/validators.cjs";
import type { Loader } from "astro/loaders";

// The generated validators are CommonJS, which Vite would try to read as a module.
const validators: typeof Validators = createRequire(import.meta.url)("@oa/shared/generated/validators.cjs");

/**
 * Reads the listings of a snapshot folder, in which every event has been verified. Without one the catalog is empty, so
 * that the documentation can be built alone.
 */
export function catalogLoader(snapshot: string | undefined) {
  return {
    name: "catalog",
    load: async ({ store, logger }) => {
      store.clear();
      if (snapshot === undefined) {
        logger.info("OA_SNAPSHOT is not set: building without a catalog");
        return;
      }
      for await (const line of linesOf(join(snapshot, "catalog.ndjson"))) {
        const detail: unknown = JSON.parse(line);
        if (!validators.isCatalogDetail(detail)) throw new Error("catalog.ndjson has a line that is not a listing");
        const { listing } = detail;
        store.set({ id: `${listing.pubkey}/${listing.slug}`, data: { ...detail }, digest: listing.event_id });
      }
    },
  } satisfies Loader;
}

/** Ends lines at a line feed alone: `node:readline` would also at U+2028, which stands unescaped in what authors write. */
export async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(path, { encoding: "utf8" })) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
