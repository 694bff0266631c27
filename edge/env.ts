import type { Catalog } from "./objects/catalog.ts";
import type { Mailbox } from "./objects/mailbox.ts";
import type { Moderation } from "./objects/moderation.ts";
import type { Receipts } from "./objects/receipts.ts";
import type { RelayDoor } from "./objects/relay-door.ts";
import type { RelayShard, ShardEnv } from "./objects/relay-shard.ts";
import type { Reputation, ReputationEnv } from "./objects/reputation.ts";
import type { Upstreams, UpstreamsEnv } from "./objects/upstreams.ts";

/** The Worker's bindings, as wrangler.toml declares them: every object has in it what it asks for. */
export interface Env extends ShardEnv, ReputationEnv, UpstreamsEnv {
  readonly RELAY_DOOR: DurableObjectNamespace<RelayDoor>;
  readonly RELAY_SHARD: DurableObjectNamespace<RelayShard>;
  readonly CATALOG: DurableObjectNamespace<Catalog>;
  readonly MAILBOX: DurableObjectNamespace<Mailbox>;
  readonly RECEIPTS: DurableObjectNamespace<Receipts>;
  readonly REPUTATION: DurableObjectNamespace<Reputation>;
  readonly MODERATION: DurableObjectNamespace<Moderation>;
  readonly UPSTREAMS: DurableObjectNamespace<Upstreams>;
  /** Where published sites are kept; without it the site is the assets that came with the deployment. */
  readonly SITE?: R2Bucket;
  /** The site as it was deployed, for as long as none has been published. */
  readonly ASSETS?: Fetcher;
}
