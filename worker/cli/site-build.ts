import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import { defineCommand } from "./command.ts";

export const command = defineCommand({
  words: ["site", "build"],
  summary: "Build the static mirror of an edge's catalog, if it has moved since the last time",
  options: {
    out: { type: "text", value: "DIR", summary: "Where the site goes (default: site in the data folder)" },
    edge: { type: "text", value: "URL", summary: "The edge to mirror (default: edge_url of the settings)" },
    url: { type: "text", value: "URL", summary: "Where the site will be served (default: the edge's address)" },
  },
  examples: ["oa site build", "oa site build --out ./public --edge https://edge.example --url https://mirror.example"],
  run: async ({ cwd, data_dir, env, options, print, progress, signal }) => {
    const [{ readConfig }, edges, { buildSite }, { loadSchnorr }, { loadOrCreateKey }] = await Promise.all([
      import("../config.ts"),
      import("../adapters/edge-client.ts"),
      import("../adapters/site-build.ts"),
      import("../adapters/schnorr.ts"),
      import("../adapters/keys.ts"),
    ]);
    const edge_url = (options.edge ?? (await readConfig(data_dir, env)).edge_url)?.replace(/\/+$/, "");
    if (edge_url === undefined)
      return reject("usage", "no edge is set: give --edge URL, or set edge_url in config.json");
    const site_url = (options.url ?? edge_url).replace(/\/+$/, "");
    for (const url of [edge_url, site_url]) {
      if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
        return reject("usage", `${JSON.stringify(url)} is not an http or https address`);
      }
    }
    const target = options.out === undefined ? join(data_dir, "site") : resolve(cwd, options.out);
    progress("reading the catalog and building …");
    const site = await buildSite({
      ...{ root: dirname(dirname(dirname(fileURLToPath(import.meta.url)))), target, site_url, signal },
      edge: edges.openEdgeClient(edge_url, edges.openEdgeEgress(edge_url)),
      schnorr: await loadSchnorr(),
      key: await loadOrCreateKey(data_dir, "worker"),
      now_ms: Date.now(),
    });
    if (isRejection(site)) return site;
    const when = new Date(site.created_at * 1000).toISOString();
    print(
      { ...site, path: target },
      `${target}: ${site.listings} listings, root ${site.root.slice(0, 16)}…, ${site.built ? "built" : "unchanged since"} ${when}`,
    );
    return 0;
  },
});
