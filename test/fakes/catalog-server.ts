import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fakeCatalog } from "./catalog.ts";

export interface CatalogServer {
  readonly url: string;
  /** As `private_allow` takes it. */
  readonly host: string;
  /** Answers 500 from now on, or again as it should. */
  readonly setHealthy: (healthy: boolean) => void;
  readonly close: () => Promise<void>;
}

/** A fake edge on a port of this machine: the catalog of `fakeCatalog`, over real HTTP. */
export async function openCatalogServer(listings: number): Promise<CatalogServer> {
  const edge = fakeCatalog(listings);
  let healthy = true;
  const server = createServer(async (request, response) => {
    if (!healthy) response.writeHead(500);
    response.end(JSON.stringify(healthy ? await edge.get(request.url ?? "/", AbortSignal.timeout(10_000)) : {}));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url: `http://${host}`, host },
    setHealthy: (now) => {
      healthy = now;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
