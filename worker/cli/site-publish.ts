import { resolve } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { defineCommand } from "./command.ts";
import { SITE_OPTIONS, siteRequest } from "./site-request.ts";

export const command = defineCommand({
  words: ["site", "publish"],
  summary: "Build the static mirror and publish it at the edge, where it takes the old one's place in one step",
  options: {
    ...SITE_OPTIONS,
    to: { type: "text", value: "URL", summary: "The edge to publish at (default: the one that is mirrored)" },
  },
  examples: ["oa site publish", "oa site publish --edge https://edge.example --to https://mirror.example"],
  run: async ({ cwd, data_dir, env, options, print, progress, signal }) => {
    const request = await siteRequest({ cwd, data_dir, env, options, signal });
    if (isRejection(request)) return request;
    const [{ buildSite }, { publishSite }, { openEdgeEgress }] = await Promise.all([
      import("../adapters/site-build.ts"),
      import("../adapters/site-publish.ts"),
      import("../adapters/edge-client.ts"),
    ]);
    progress("reading the catalog and building …");
    const of = await buildSite({ ...request, files_max: null });
    if (isRejection(of)) return of;
    const edge_url = (options.to ?? request.edge_url).replace(/\/+$/, "");
    progress("publishing …");
    const published = await publishSite({
      ...{ folder: resolve(request.target), edge_url, egress: openEdgeEgress(edge_url), key: request.key, of, signal },
      now_ms: Date.now,
    });
    if (isRejection(published)) return published;
    const { site, sent, objects } = published;
    print(
      { ...site, sent, objects, edge_url },
      `${edge_url}: ${site.listings} listings in ${site.files} files; ${sent} of ${objects} objects were new`,
    );
    return 0;
  },
});
