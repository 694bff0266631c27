import { LIMITS } from "@oa/shared/core/limits.ts";
import { relayShards, shardName } from "@oa/shared/nostr/relay-shard.ts";
import type { Settings } from "./settings.ts";

/** An object, by those of its methods that somebody calls. */
export type Called = Rpc.DurableObjectBranded;

/** Bindings of objects by their names. Who calls an object says so, and by which methods. */
export type Binds<Name extends string, T extends Called> = {
  readonly [name in Name]: DurableObjectNamespace<T>;
};

/** The relay's events by ranges of keys; see `shardOfKey`. */
export function shardOf<T extends Called>(
  env: Binds<"RELAY_SHARD", T> & Pick<Settings, "RELAY_SHARDS">,
  shard: number,
): DurableObjectStub<T> {
  return env.RELAY_SHARD.getByName(shardName(shard, relayShards(env.RELAY_SHARDS)));
}

/** A door of the relay by its id. */
export function doorOf<T extends Called>(env: Binds<"RELAY_DOOR", T>, id: string): DurableObjectStub<T> {
  return env.RELAY_DOOR.get(env.RELAY_DOOR.idFromString(id));
}

/** There is one catalog. */
export function catalogOf<T extends Called>(env: Binds<"CATALOG", T>): DurableObjectStub<T> {
  return env.CATALOG.getByName("main");
}

/** Each worker has a mailbox of its own, by its public key. */
export function mailboxOf<T extends Called>(env: Binds<"MAILBOX", T>, worker: string): DurableObjectStub<T> {
  return env.MAILBOX.getByName(worker);
}

/** There is one that pulls from other relays. */
export function upstreamsOf<T extends Called>(env: Binds<"UPSTREAMS", T>): DurableObjectStub<T> {
  return env.UPSTREAMS.getByName("main");
}

/** There is one set of cases. */
export function moderationOf<T extends Called>(env: Binds<"MODERATION", T>): DurableObjectStub<T> {
  return env.MODERATION.getByName("main");
}

/** Claims of payments whose hashes begin alike: 4,096 objects. */
export function receiptsOf<T extends Called>(env: Binds<"RECEIPTS", T>, payment_hash: string): DurableObjectStub<T> {
  return env.RECEIPTS.getByName(payment_hash.slice(0, LIMITS.receipt_shard_digits));
}

/** Each listing has an object of its own. */
export function reputationOf<T extends Called>(env: Binds<"REPUTATION", T>, listing: string): DurableObjectStub<T> {
  return env.REPUTATION.getByName(listing);
}
