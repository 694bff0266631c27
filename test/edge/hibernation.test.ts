import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { connect, openTestEdge, signed, type TestEdge } from "./fixture.ts";

const L = ["L", "openagents.upgrade"];
/** workerd puts an object to sleep after ten seconds without work. */
const ASLEEP_MS = 12_000;
let host: TestEdge;
before(async () => {
  host = await openTestEdge();
});
after(() => host.close());

test("subscriptions, small and large, and authentication survive the relay's hibernation", async () => {
  const { relay_url } = host.edge();
  const key = generateSecretKey();
  const [small, large] = [await connect(relay_url), await connect(relay_url)];
  small.send(["REQ", "small", { kinds: [1], authors: [getPublicKey(key)] }]);
  await small.until("EOSE");
  const authors = Array.from({ length: 400 }, (_, index) => index.toString(16).padStart(64, "0"));
  large.send(["REQ", "large", { authors: [...authors, getPublicKey(key)] }]);
  await large.until("EOSE");
  const mine = signed(key, { kind: 1, tags: [L, ["-"]], content: "protected" });
  small.send(["EVENT", mine]);
  const challenge = String((await small.next())[1]);
  await small.next();
  const tags = [
    ["relay", relay_url],
    ["challenge", challenge],
  ];
  small.send(["AUTH", signed(key, { kind: 22242, tags })]);
  assert.equal((await small.next())[2], true);

  await new Promise((resolve) => setTimeout(resolve, ASLEEP_MS));

  small.send(["EVENT", mine]);
  assert.deepEqual(await small.next(), ["OK", mine.id, true, ""]);
  assert.deepEqual(await small.next(), ["EVENT", "small", mine]);
  assert.deepEqual(await large.next(), ["EVENT", "large", mine]);
  await small.close();
  await large.close();
});

test("what the relay stores survives a restart", async () => {
  const event = signed(generateSecretKey(), { kind: 1, tags: [L], content: "kept" });
  const client = await connect(host.edge().relay_url);
  await client.publish(event);
  await client.close();
  await host.restart();
  const again = await connect(host.edge().relay_url);
  assert.deepEqual(await again.query({ ids: [event.id] }), [event]);
  await again.close();
});
