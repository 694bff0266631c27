import type { Catalog } from "./objects/catalog.ts";
import type { Mailbox } from "./objects/mailbox.ts";
import type { Relay } from "./objects/relay.ts";

/** The Worker's bindings, as wrangler.toml declares them. */
export interface Env {
  readonly RELAY: DurableObjectNamespace<Relay>;
  readonly CATALOG: DurableObjectNamespace<Catalog>;
  readonly MAILBOX: DurableObjectNamespace<Mailbox>;
  /** The built site; absent in a test that has none. */
  readonly ASSETS?: Fetcher;
  /** "1" adds the route that measures bare signature verification. Never set in wrangler.toml. */
  readonly BENCH?: string;
}

/** There is one relay and one catalog; mailboxes are one for each worker key. */
export function relayOf(env: Env): DurableObjectStub<Relay> {
  return env.RELAY.getByName("main");
}

export function catalogOf(env: Env): DurableObjectStub<Catalog> {
  return env.CATALOG.getByName("main");
}
