import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Rejection } from "@oa/shared/core/refusal.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { openEdgeClient } from "./edge-client.ts";
import type { Egress } from "./egress.ts";
import { loadSchnorr } from "./schnorr.ts";
import { buildSite, type SiteBuild } from "./site-build.ts";

/** Mirrors that runs build, each in a folder of its own below `sites/` in the worker's data folder. */
export interface OwnSites {
  readonly build: (request: {
    readonly site: string;
    readonly edge_url: string;
    readonly site_url: string;
    readonly files_max: number;
    readonly egress: Pick<Egress, "fetch">;
    readonly signal: AbortSignal;
  }) => Promise<(SiteBuild & { readonly path: string }) | Rejection>;
}

/** `secret_key` signs the snapshots. */
export function openOwnSites(options: {
  readonly data_dir: string;
  readonly secret_key: Uint8Array;
  readonly now_ms: () => number;
}): OwnSites {
  const { data_dir, secret_key } = options;
  return {
    build: async ({ site, edge_url, site_url, files_max, egress, signal }) => {
      const target = join(data_dir, "sites", site);
      const built = await buildSite({
        root: fileURLToPath(new URL("../../", import.meta.url)),
        ...{ target, site_url, files_max, signal, now_ms: options.now_ms() },
        edge: openEdgeClient(edge_url, egress),
        schnorr: await loadSchnorr(),
        key: { secret_key, public_key: publicKeyOf(secret_key) },
      });
      return "code" in built ? built : { ...built, path: target };
    },
  };
}
