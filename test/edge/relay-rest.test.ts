import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { shardName, shardOfKey } from "@oa/shared/nostr/relay-shard.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { eventually, openTestEdge, ROOT, signed, type TestEdge } from "./fixture.ts";

/** That a relay which nobody uses does nothing: Cloudflare bills each time an object wakes. */
const SHARDS = 4;
let host: TestEdge;
before(async () => {
  const entry = await readFile(join(ROOT, "test/fakes/failing-shard.js"), "utf8");
  host = await openTestEdge({ RELAY_SHARDS: String(SHARDS), RELAY_DOORS: "1" }, entry);
});
after(() => host.close());
const keyIn = (shard: number): Uint8Array => {
  for (;;) {
    const key = generateSecretKey();
    if (shardOfKey(getPublicKey(key), SHARDS) === shard) return key;
  }
};
const alarms = (shard: number): readonly string[] =>
  host.log.filter((line) => line.startsWith(`alarm of ${shardName(shard, SHARDS)}: `));

test("a relay that is only asked sets no alarm; one that stored has one, tells its doors, and rests though they listen on", async () => {
  const client = await host.client();
  client.send(["REQ", "all", { kinds: [1] }]);
  assert.deepEqual(await client.next(), ["EOSE", "all"]);
  const busy = keyIn(2);
  const publisher = await host.client();
  const event = signed(busy, { kind: 1, tags: [["L", "openagents.upgrade"]], content: "one" });
  assert.equal((await publisher.publish(event))[2], true);
  assert.deepEqual(await client.next(), ["EVENT", "all", event]);
  await eventually(async () => alarms(2).length > 0);
  assert.deepEqual(alarms(2), [`alarm of ${shardName(2, SHARDS)}: none after it`]);
  for (const shard of [0, 1, 3]) assert.deepEqual(alarms(shard), []);
});
