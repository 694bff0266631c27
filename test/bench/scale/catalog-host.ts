import type { Env } from "../../../edge/env.ts";
import { Catalog } from "../../../edge/objects/catalog.ts";
import { listingRoutes } from "../../../edge/routes/listings.ts";
import { snapshotRoutes } from "../../../edge/routes/snapshot.ts";

/** The edge's own catalog, which also says how big it is. */
export class MeasuredCatalog extends Catalog {
  bytes(): number {
    return this.ctx.storage.sql.databaseSize;
  }
}

interface Bindings extends Env {
  readonly CATALOG: DurableObjectNamespace<MeasuredCatalog>;
}

const ROUTES = [
  ["/v1/listings", listingRoutes],
  ["/v1/snapshot", snapshotRoutes],
] as const;

/** The edge's routes of the catalog, beside a door to its intake: there is no relay here that would check signatures. */
export default {
  fetch: async (request, env) => {
    const url = new URL(request.url);
    for (const [prefix, routes] of ROUTES) {
      if (!url.pathname.startsWith(prefix)) continue;
      url.pathname = url.pathname.slice(prefix.length);
      return routes.fetch(new Request(url, request), env);
    }
    const catalog = env.CATALOG.getByName("main");
    switch (url.pathname) {
      case "/bytes":
        return Response.json({ bytes: await catalog.bytes() });
      case "/take":
        await catalog.take(await request.json());
        return Response.json({});
      case "/reputations":
        for (const rated of await request.json<Parameters<Catalog["takeReputation"]>[]>()) {
          await catalog.takeReputation(...rated);
        }
        return Response.json({});
      default:
        return Response.json({});
    }
  },
} satisfies ExportedHandler<Bindings>;
