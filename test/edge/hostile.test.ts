import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { CatalogPage, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { toEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { type Client, connect, eventually, NOW, openTestEdge, ROOT, signed, type TestEdge } from "./fixture.ts";

const L = ["L", "openagents.upgrade"];
const key = generateSecretKey();
let host: TestEdge;
let client: Client;

before(async () => {
  host = await openTestEdge();
  client = await connect(host.edge().relay_url);
});
after(async () => {
  await client.close();
  await host.close();
});
const note = (content = "x"): NostrEvent => signed(key, { kind: 1, tags: [L], content });
const refused = async (event: unknown): Promise<string> => {
  client.send(["EVENT", event]);
  const [verb, , accepted, reason] = await client.next();
  assert.deepEqual([verb, accepted], ["OK", false]);
  return String(reason);
};

test("an altered, forged or wrongly numbered event is refused", async () => {
  const event = note("original");
  assert.match(await refused({ ...event, content: "altered" }), /^invalid: .*hash/);
  assert.match(await refused({ ...event, id: "0".repeat(64) }), /^invalid: .*hash/);
  assert.match(await refused({ ...event, sig: note("other").sig }), /^invalid: .*signature/);
  const marked = finalizeEvent({ kind: 1, created_at: NOW, tags: [L], content: "true" }, key);
  assert.match(await refused({ ...marked, content: "forged" }), /^invalid: .*hash/);
});

test("an event that is none is refused, and its id is named where it has one", async () => {
  for (const event of [null, 1, "x", {}, { id: "abc" }, { ...note(), created_at: "now" }, { ...note(), tags: [[1]] }]) {
    assert.match(await refused(event), /^invalid: /);
  }
  client.send(["EVENT", { id: "abc" }]);
  assert.equal((await client.next())[1], "abc");
});

test("an event from more than 15 minutes ahead is refused", async () => {
  const ahead = (seconds: number) =>
    signed(key, { kind: 1, tags: [L], content: `${seconds}`, created_at: Math.floor(Date.now() / 1000) + seconds });
  assert.match(await refused(ahead(1_000)), /^invalid: .*15 minutes/);
  assert.equal((await client.publish(ahead(800)))[2], true);
});

test("kinds the relay does not take, and notes without our label, are refused", async () => {
  assert.match(await refused(signed(key, { kind: 4 })), /^blocked: /);
  assert.match(await refused(signed(key, { kind: 24051, tags: [L] })), /^blocked: /);
  assert.match(await refused(signed(key, { kind: 1 })), /^blocked: .*label/);
  assert.match(await refused(signed(key, { kind: 1059 })), /^blocked: .*p tag/);
});

test("an event over the size limits is refused", async () => {
  assert.match(await refused(note("x".repeat(LIMITS.nostr_content_bytes + 1))), /^invalid: .*bytes/);
  const tags = Array.from({ length: LIMITS.nostr_tags }, () => ["t", "x"]);
  assert.match(await refused(signed(key, { kind: 1, tags: [L, ...tags] })), /^invalid: .*tags/);
});

test("an oversized frame, noise and unknown messages get a notice, and the connection lives", async () => {
  const texts = [
    `["EVENT",${JSON.stringify("x".repeat(LIMITS.relay_message_chars))}]`,
    "not json",
    "{}",
    "[]",
    '["HELLO"]',
    '["REQ"]',
    '["REQ",1,{}]',
    `["REQ","${"x".repeat(65)}",{}]`,
    '["CLOSE"]',
    `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
  ];
  for (const text of texts) {
    client.sendText(text);
    const [verb, reason] = await client.next();
    assert.deepEqual([verb, String(reason).startsWith("invalid: ")], ["NOTICE", true], text.slice(0, 40));
  }
  client.sendText(new Uint8Array([1, 2, 3]));
  assert.equal((await client.next())[0], "NOTICE");
  assert.equal((await client.publish(note("alive")))[2], true);
});

test("a filter that is wrong or too wide closes only its own subscription", async () => {
  const filters: readonly unknown[] = [
    "x",
    { ids: ["abc"] },
    { unknown: 1 },
    { kinds: Array.from({ length: LIMITS.filter_values + 1 }, () => 1) },
    { search: "x".repeat(LIMITS.filter_search_chars + 1) },
  ];
  for (const filter of filters) {
    client.send(["REQ", "bad", filter]);
    const [verb, subscription, reason] = await client.next();
    assert.deepEqual([verb, subscription], ["CLOSED", "bad"]);
    assert.match(String(reason), /^invalid: /);
  }
  client.send(["REQ", "many", ...Array.from({ length: LIMITS.relay_filters + 1 }, () => ({}))]);
  assert.equal((await client.next())[0], "CLOSED");
  for (const search of ['"', "AND OR NOT", "a* NEAR(b", "-", "ℵ₀ ☃ 日本"]) await client.query({ search, limit: 1 });
});

test("a connection has a limited number of subscriptions, and closing one makes room", async () => {
  const greedy = await connect(host.edge().relay_url);
  for (let index = 0; index < LIMITS.relay_subscriptions; index += 1) {
    greedy.send(["REQ", `s${index}`, { limit: 0 }]);
    assert.equal((await greedy.next())[0], "EOSE");
  }
  greedy.send(["REQ", "more", { limit: 0 }]);
  const [verb, , reason] = await greedy.next();
  assert.equal(verb, "CLOSED");
  assert.match(String(reason), /^rate-limited: /);
  greedy.send(["REQ", "s0", { limit: 0 }]);
  assert.equal((await greedy.next())[0], "EOSE");
  greedy.send(["CLOSE", "s1"]);
  greedy.send(["REQ", "more", { limit: 0 }]);
  assert.equal((await greedy.next())[0], "EOSE");
  await greedy.close();
});

test("a bad event does not stop the good ones that arrive with it, and answers keep their order", async () => {
  const [good, other] = [note("good one"), note("good two")];
  client.send(["EVENT", good]);
  client.send(["EVENT", { ...note("bad"), content: "forged" }]);
  client.sendText("noise");
  client.send(["EVENT", other]);
  const frames = [await client.next(), await client.next(), await client.next(), await client.next()];
  const verdicts = frames.map(([verb, , accepted]) => (verb === "OK" ? accepted : verb));
  assert.deepEqual(verdicts, [true, false, "NOTICE", true]);
  assert.equal((await client.query({ ids: [good.id, other.id] })).length, 2);
});

test("HTML and script in every field of a listing stay data, in the catalog and on the relay", async () => {
  const hostile = `</script><script>alert(1)</script><img src=x onerror="alert(1)">'"--`;
  const own = generateSecretKey();
  const file = join(ROOT, "schemas/examples/upgrades/nightly-index.json");
  const example = JSON.parse(await readFile(file, "utf8")) as UpgradeManifest;
  const manifest = {
    ...{ ...example, id: "hostile", title: hostile.slice(0, 100), summary: hostile, tags: ["<b>bold</b>"] },
    author: { npub: hexToNpub(getPublicKey(own)), name: hostile },
  };
  const { tags, ...event } = toEvent(manifest, { created_at: NOW });
  const signed_event = signed(own, { ...event, tags: tags.map((tag) => [...tag]) });
  assert.equal((await client.publish(signed_event))[2], true);
  const url = `${host.edge().url}/v1/listings`;
  await eventually(async () => ((await (await fetch(url)).json()) as CatalogPage).listings.length === 1);
  for (const path of [
    "",
    `?text=${encodeURIComponent(hostile.slice(0, 200))}`,
    `/${encodeURIComponent(`30051:${getPublicKey(own)}:hostile`)}`,
  ]) {
    const answer = await fetch(`${url}${path}`);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.equal(answer.status, 200);
  }
  const page = (await (await fetch(url)).json()) as CatalogPage;
  assert.equal(page.listings[0]?.title, manifest.title);
  assert.deepEqual(await client.query({ ids: [signed_event.id] }), [signed_event]);
});

test("nothing of this was a failure of the relay's own", () => {
  assert.deepEqual(host.log, []);
});
