import { DurableObject } from "cloudflare:workers";
import { durableSql } from "../../../edge/adapters/durable-sql.ts";
import { EVENT_STORE_CONTRACT } from "../event-store.ts";

interface Env {
  readonly HOST: DurableObjectNamespace<Host>;
}

/** Runs one case of the contract on this object's own, fresh database. */
export class Host extends DurableObject<Env> {
  run(name: string): string | null {
    try {
      EVENT_STORE_CONTRACT[name]?.(() => durableSql(this.ctx.storage));
      return null;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  }
}

export default {
  async fetch(request, env) {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    return Response.json({ failure: await env.HOST.get(env.HOST.idFromName(name)).run(name) });
  },
} satisfies ExportedHandler<Env>;
