import { LIMITS } from "@oa/shared/core/limits.ts";
import { relayShards, shardName } from "@oa/shared/nostr/relay-shard.ts";
import type { Catalog } from "./objects/catalog.ts";
import type { Mailbox } from "./objects/mailbox.ts";
import type { Moderation } from "./objects/moderation.ts";
import type { Receipts } from "./objects/receipts.ts";
import type { RelayDoor } from "./objects/relay-door.ts";
import type { RelayShard } from "./objects/relay-shard.ts";
import type { Reputation } from "./objects/reputation.ts";
import type { Upstreams } from "./objects/upstreams.ts";

/** The Worker's bindings, as wrangler.toml declares them. */
export interface Env {
  readonly RELAY_DOOR: DurableObjectNamespace<RelayDoor>;
  readonly RELAY_SHARD: DurableObjectNamespace<RelayShard>;
  /** How many shards keep the relay's events, a power of two: one where it is not set. See ADR 7 before it is changed. */
  readonly RELAY_SHARDS?: string;
  /** How many doors hold the relay's connections: one where it is not set. */
  readonly RELAY_DOORS?: string;
  readonly CATALOG: DurableObjectNamespace<Catalog>;
  readonly MAILBOX: DurableObjectNamespace<Mailbox>;
  readonly RECEIPTS: DurableObjectNamespace<Receipts>;
  /** The edge's own secret key in hex, a secret: it signs proofs of receipts. Without it there are none. */
  readonly EDGE_KEY?: string;
  /** Lightning networks whose payments count, with commas between; bitcoin alone where it is not set. */
  readonly LIGHTNING_NETWORKS?: string;
  readonly REPUTATION: DurableObjectNamespace<Reputation>;
  readonly MODERATION: DurableObjectNamespace<Moderation>;
  readonly UPSTREAMS: DurableObjectNamespace<Upstreams>;
  /** Relays that events are pulled from, with spaces or commas between; none where it is not set. */
  readonly UPSTREAM_RELAYS?: string;
  /** How many seconds lie between two pulls from one relay; ten minutes where it is not set. */
  readonly UPSTREAM_INTERVAL_S?: string;
  /** "1": relays that authors list as theirs (NIP-65) are asked too. */
  readonly FOLLOW_RELAY_LISTS?: string;
  /** "1": what other drafts list (NIP-82, SKL, ContextVM) is kept too, apart from upgrades. */
  readonly EXTERNAL_LISTINGS?: string;
  /** A way out that reaches public addresses only; Cloudflare's own network is one already. */
  readonly PUBLIC_NETWORK?: Fetcher;
  /** Addresses of relays, with commas between, that relay lists may name though they are not public; for development. */
  readonly LISTED_RELAYS?: string;
  /** The key in hex whose signed list says who moderates; the edge's own where it is not set. */
  readonly OPERATOR?: string;
  /** Keys in hex, with commas between, whose follow lists reputation's web of trust starts from; it is off without. */
  readonly TRUST_ANCHORS?: string;
  /** host:port pairs, with commas between, whose LNURL servers are asked over plain HTTP; for development. */
  readonly LNURL_HOSTS?: string;
  /** Where published sites are kept; without it the site is the assets that came with the deployment. */
  readonly SITE?: R2Bucket;
  /** Keys in hex, with commas between, that may publish the site, beside the edge's own. */
  readonly SITE_PUBLISHERS?: string;
  /** The site as it was deployed, for as long as none has been published. */
  readonly ASSETS?: Fetcher;
  /** "1" adds the route that measures bare signature verification. Never set in wrangler.toml. */
  readonly BENCH?: string;
}

/** The relay's events by ranges of keys; see `shardOfKey`. */
export function shardOf(env: Env, shard: number): DurableObjectStub<RelayShard> {
  return env.RELAY_SHARD.getByName(shardName(shard, relayShards(env.RELAY_SHARDS)));
}

/** A door of the relay by its id. */
export function doorOf(env: Env, id: string): DurableObjectStub<RelayDoor> {
  return env.RELAY_DOOR.get(env.RELAY_DOOR.idFromString(id));
}

/** There is one catalog; mailboxes are one for each worker key. */
export function catalogOf(env: Env): DurableObjectStub<Catalog> {
  return env.CATALOG.getByName("main");
}

/** There is one that pulls from other relays. */
export function upstreamsOf(env: Env): DurableObjectStub<Upstreams> {
  return env.UPSTREAMS.getByName("main");
}

/** There is one set of cases. */
export function moderationOf(env: Env): DurableObjectStub<Moderation> {
  return env.MODERATION.getByName("main");
}

/** Claims of payments whose hashes begin alike: 4,096 objects. */
export function receiptsOf(env: Env, payment_hash: string): DurableObjectStub<Receipts> {
  return env.RECEIPTS.getByName(payment_hash.slice(0, LIMITS.receipt_shard_digits));
}

/** Each listing has an object of its own. */
export function reputationOf(env: Env, listing: string): DurableObjectStub<Reputation> {
  return env.REPUTATION.getByName(listing);
}
