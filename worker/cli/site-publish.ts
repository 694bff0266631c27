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
  run: async ({ options, print, progress, ...context }) => {
    const { cwd, data_dir, env, signal } = context;
    const request = await siteRequest({ cwd, data_dir, env, options, signal });
    if (isRejection(request)) return request;
    const [{ buildSite }, { publishOwnSite }, { openEdgeEgress }, { ownGate }, { readConfig }] = await Promise.all([
      import("../adapters/site-build.ts"),
      import("../engine/own-publish.ts"),
      import("../adapters/edge-client.ts"),
      import("./live-policy.ts"),
      import("../config.ts"),
    ]);
    const gate = await ownGate(context, await readConfig(data_dir, env));
    if (isRejection(gate)) return gate;
    progress("reading the catalog and building …");
    const of = await buildSite({ ...request, files_max: null });
    if (isRejection(of)) return of;
    const edge_url = (options.to ?? request.edge_url).replace(/\/+$/, "");
    progress("publishing …");
    const built = { folder: resolve(request.target), edge_url, egress: openEdgeEgress(edge_url), key: request.key, of };
    const published = await publishOwnSite({ ...built, signal, now_ms: Date.now }, "command/site", gate);
    if (isRejection(published)) return published;
    const { site, sent, objects } = published;
    print(
      { ...site, sent, objects, edge_url },
      `${edge_url}: ${site.listings} listings in ${site.files} files; ${sent} of ${objects} objects were new`,
    );
    return 0;
  },
});
