import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { reject } from "@oa/shared/core/refusal.ts";

/** What building the site takes, wherever it then goes. */
export const SITE_OPTIONS = {
  out: { type: "text", value: "DIR", summary: "Where the site goes (default: site in the data folder)" },
  edge: { type: "text", value: "URL", summary: "The edge to mirror (default: edge_url of the settings)" },
  url: { type: "text", value: "URL", summary: "Where the site will be served (default: the edge's address)" },
} as const;

/** The options as `buildSite` takes them. Refusal: usage. */
export async function siteRequest(context: {
  readonly cwd: string;
  readonly data_dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly options: {
    readonly out: string | undefined;
    readonly edge: string | undefined;
    readonly url: string | undefined;
  };
  readonly signal: AbortSignal;
}) {
  const { cwd, data_dir, env, options, signal } = context;
  const [{ readConfig }, { openEdgeClient, openEdgeEgress }, { loadSchnorr }, { loadOrCreateKey }] = await Promise.all([
    import("../config.ts"),
    import("../adapters/edge-client.ts"),
    import("../adapters/schnorr.ts"),
    import("../adapters/keys.ts"),
  ]);
  const edge_url = (options.edge ?? (await readConfig(data_dir, env)).edge_url)?.replace(/\/+$/, "");
  if (edge_url === undefined) return reject("usage", "no edge is set: give --edge URL, or set edge_url in config.json");
  const site_url = (options.url ?? edge_url).replace(/\/+$/, "");
  for (const url of [edge_url, site_url]) {
    if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
      return reject("usage", `${JSON.stringify(url)} is not an http or https address`);
    }
  }
  return {
    ...{ edge_url, site_url, signal, now_ms: Date.now() },
    root: dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
    target: options.out === undefined ? join(data_dir, "site") : resolve(cwd, options.out),
    edge: openEdgeClient(edge_url, openEdgeEgress(edge_url)),
    schnorr: await loadSchnorr(),
    key: await loadOrCreateKey(data_dir, "worker"),
  };
}
