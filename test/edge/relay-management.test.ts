import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { type Client, connect, eventually, NOW, openTestEdge, signed, type TestEdge } from "./fixture.ts";

const [operator, manager, curator, author] = [0, 0, 0, 0].map(() => generateSecretKey()) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const L = ["L", "openagents.upgrade"];
let host: TestEdge;
let client: Client;

before(async () => {
  host = await openTestEdge({ OPERATOR: getPublicKey(operator) });
  client = await connect(host.edge().relay_url);
  const people = [
    { pubkey: getPublicKey(manager), name: "", roles: ["relay"] as const },
    { pubkey: getPublicKey(curator), name: "", roles: ["take_down"] as const },
  ];
  const { tags, ...list } = peopleEvent({ list: "curators", people }, { created_at: NOW });
  await client.publish(signed(operator, { ...list, tags: tags.map((tag) => [...tag]) }));
  await eventually(async () => (await call(manager, "supportedmethods")).status === 200);
});
after(async () => {
  await client.close();
  await host.close();
});

interface Answer {
  readonly status: number;
  readonly body: { readonly result?: unknown; readonly error?: string };
}
async function ask(body: string, authorization: string | null): Promise<Answer> {
  const response = await fetch(`${host.edge().url}/`, {
    method: "POST",
    headers: { "content-type": "application/nostr+json+rpc", ...(authorization === null ? {} : { authorization }) },
    body,
  });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}
const auth = (by: Uint8Array, body: string, url = `${host.edge().url}/`, signedBody = body): string =>
  httpAuthHeader(
    finalizeEvent(
      httpAuthTemplate({ url, method: "POST", body: signedBody }, Math.floor(Date.now() / 1000), randomUUID()),
      by,
    ),
  );
async function call(by: Uint8Array, method: string, ...params: readonly unknown[]): Promise<Answer> {
  const body = JSON.stringify({ method, params });
  return ask(body, auth(by, body));
}
async function done(method: string, ...params: readonly unknown[]): Promise<unknown> {
  const { status, body } = await call(manager, method, ...params);
  assert.deepEqual([status, body.error], [200, undefined]);
  return body.result;
}
let made = 0;
const note = (by: Uint8Array): NostrEvent => {
  made += 1;
  return signed(by, { kind: 1, content: `note ${made}`, tags: [L] });
};
const verdict = async (event: NostrEvent): Promise<string> => {
  const [, , accepted, reason] = await client.publish(event);
  return accepted === true ? "accepted" : String(reason);
};
const stored = async (event: NostrEvent): Promise<boolean> => (await client.query({ ids: [event.id] })).length === 1;

test("only a key with the role manages the relay, and says so for exactly this call", async () => {
  const body = JSON.stringify({ method: "supportedmethods", params: [] });
  assert.equal((await ask(body, null)).status, 401);
  assert.equal((await ask(body, auth(manager, body, `${host.edge().url}/v1/`))).status, 401);
  assert.equal((await ask(body, auth(manager, body, undefined, `${body} `))).status, 401);
  assert.equal((await call(curator, "supportedmethods")).status, 403);
  assert.equal((await call(author, "banpubkey", getPublicKey(manager))).status, 403);
  const once = auth(manager, body);
  assert.deepEqual([(await ask(body, once)).status, (await ask(body, once)).status], [200, 401]);
  for (const url of [host.edge().url, host.edge().relay_url, host.edge().relay_url.slice(0, -1)]) {
    assert.equal((await ask(body, auth(manager, body, url))).status, 200, url);
  }
});

test("the methods it has are told, and those it does not have are named as such", async () => {
  const methods = (await done("supportedmethods")) as readonly string[];
  for (const method of ["banpubkey", "allowpubkey", "banevent", "listbannedevents", "allowkind", "changerelayname"]) {
    assert.ok(methods.includes(method), method);
  }
  for (const method of ["blockip", "createrole", "constructor", "listallowedpubkeys"]) {
    assert.ok(!methods.includes(method));
    assert.match((await call(manager, method)).body.error ?? "", new RegExp(`does not support ${method}`));
  }
});

test("a banned key's events leave, no others of its come, and all are back when the ban is lifted", async () => {
  const [before, other] = [note(author), note(curator)];
  for (const event of [before, other]) assert.equal(await verdict(event), "accepted");
  assert.equal(await done("banpubkey", getPublicKey(author), "floods"), true);
  assert.deepEqual([await stored(before), await stored(other)], [false, true]);
  const during = note(author);
  assert.match(await verdict(during), /^blocked: this relay takes nothing by .*floods$/);
  assert.match(await verdict(before), /^blocked: /);
  assert.deepEqual(await done("listbannedpubkeys"), [{ pubkey: getPublicKey(author), reason: "floods" }]);
  assert.equal(await done("allowpubkey", getPublicKey(author)), true);
  assert.deepEqual(await done("listbannedpubkeys"), []);
  assert.deepEqual([await stored(before), await stored(during)], [true, false]);
  assert.equal(await verdict(during), "accepted");
});

test("a banned event leaves alone, and a key's ban keeps it out when only its own is lifted", async () => {
  const [one, two] = [note(author), note(author)];
  for (const event of [one, two]) assert.equal(await verdict(event), "accepted");
  assert.equal(await done("banevent", one.id, "a password"), true);
  assert.deepEqual([await stored(one), await stored(two)], [false, true]);
  assert.match(await verdict(one), /^blocked: .*a password$/);
  assert.deepEqual(await done("listbannedevents"), [{ id: one.id, reason: "a password" }]);
  await done("banpubkey", getPublicKey(author));
  await done("allowevent", one.id);
  assert.equal(await stored(one), false);
  await done("unbanpubkey", getPublicKey(author));
  assert.deepEqual([await stored(one), await stored(two)], [true, true]);
});

test("a kind that the relay speaks can be turned off and on, and no other can be turned on", async () => {
  assert.equal(await done("disallowkind", 1), true);
  assert.match(await verdict(note(author)), /^blocked: .*kind 1 /);
  assert.deepEqual(await done("listdisallowedkinds"), [1]);
  const information = await fetch(host.edge().url, { headers: { accept: "application/nostr+json" } });
  const { retention } = (await information.json()) as { retention: { kinds: number[] }[] };
  assert.ok(!retention.some(({ kinds }) => kinds.includes(1)));
  assert.equal(await done("allowkind", 1), true);
  assert.equal(await verdict(note(author)), "accepted");
  assert.match((await call(manager, "allowkind", 4)).body.error ?? "", /fixed table of kinds/);
});

test("what the relay says of itself can be changed, and is there after a restart, as are bans", async () => {
  await done("changerelayname", "Ada's upgrades");
  await done("changerelaydescription", "Upgrades that Ada reads.");
  await done("changerelayicon", "https://relay.example/icon.png");
  await done("banpubkey", getPublicKey(author), "floods");
  await client.close();
  await host.restart();
  client = await connect(host.edge().relay_url);
  const response = await fetch(host.edge().url, { headers: { accept: "application/nostr+json" } });
  const { name, description, icon, pubkey, supported_nips } = (await response.json()) as Record<string, unknown>;
  assert.deepEqual(
    [name, description, icon],
    ["Ada's upgrades", "Upgrades that Ada reads.", "https://relay.example/icon.png"],
  );
  assert.equal(pubkey, getPublicKey(operator));
  assert.ok((supported_nips as number[]).includes(86));
  assert.match(await verdict(note(author)), /^blocked: /);
});

test("calls that make no sense change nothing and say what is wrong", async () => {
  const cases: readonly (readonly [string, readonly unknown[], RegExp])[] = [
    ["banpubkey", [], /64 lower-case hex digits/],
    ["banpubkey", ["npub1x"], /64 lower-case hex digits/],
    ["banevent", ["x".repeat(64)], /64 lower-case hex digits/],
    ["banpubkey", ["a".repeat(64), "x".repeat(501)], /at most 500 characters/],
    ["changerelayname", ["x".repeat(65)], /at most 64 characters/],
    ["changerelayicon", ["javascript:alert(1)"], /https address/],
    ["disallowkind", ["1"], /fixed table of kinds/],
    ["banpubkey", [{}], /params/],
  ];
  for (const [method, params, why] of cases) {
    const { status, body } = await call(manager, method, ...params);
    assert.equal(status, 200);
    assert.match(body.error ?? "", why, method);
  }
  assert.equal((await fetch(`${host.edge().url}/`, { method: "POST", body: "{}" })).status, 404);
});
