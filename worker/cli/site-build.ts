import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { defineCommand } from "./command.ts";
import { SITE_OPTIONS, siteRequest } from "./site-request.ts";

export const command = defineCommand({
  words: ["site", "build"],
  summary: "Build the static mirror of an edge's catalog, if it has moved since the last time",
  options: {
    ...SITE_OPTIONS,
    files: {
      type: "integer",
      value: "N",
      summary: "How many files the host takes; pictures of the oldest listings are left out",
      ...{ min: 1, max: 10_000_000, default: LIMITS.site_files },
    },
  },
  examples: ["oa site build", "oa site build --out ./public --edge https://edge.example --url https://mirror.example"],
  run: async ({ cwd, data_dir, env, options, print, progress, signal }) => {
    const request = await siteRequest({ cwd, data_dir, env, options, signal });
    if (isRejection(request)) return request;
    const { buildSite } = await import("../adapters/site-build.ts");
    progress("reading the catalog and building …");
    const site = await buildSite({ ...request, files_max: options.files });
    if (isRejection(site)) return site;
    const { target } = request;
    const when = `${site.built ? "built" : "unchanged since"} ${new Date(site.created_at * 1000).toISOString()}`;
    print({ ...site, path: target }, `${target}: ${site.listings} listings, root ${site.root.slice(0, 16)}…, ${when}`);
    return 0;
  },
});
