/** Moderators whom the operator offers to readers: pulled, kept and served, and applied to those who choose them alone. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { CatalogPage, ModerationLedger, ModerationRoles, SnapshotPage } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { toEvent as decisionEvent } from "@oa/shared/nostr/01985-moderation.ts";
import { toEvent as mutesEvent } from "@oa/shared/nostr/10000-mutes.ts";
import { type Person, toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import { toEvent as manifestEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { type FakeRelay, openFakeRelay } from "../fakes/relay.ts";
import { type Client, connect, eventually, NOW, openTestEdge, ROOT, signed, type TestEdge } from "./fixture.ts";

const keys = Array.from({ length: 6 }, () => generateSecretKey());
const [operator, watch, ann, stranger, author, muted] = keys as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const hex = getPublicKey;
const sign = (template: EventTemplate, by: Uint8Array): NostrEvent =>
  signed(by, { ...template, tags: template.tags.map((tag) => [...tag]) });
const person = (key: Uint8Array, name: string, ...roles: Person["roles"]): Person => ({
  ...{ pubkey: hex(key), name, roles },
});
const offer = (people: readonly Person[], created_at: number): NostrEvent =>
  sign(peopleEvent({ list: "moderators", people }, { created_at }), operator);
const address = (by: Uint8Array, id: string): string => `30051:${hex(by)}:${id}`;
const takeDown = (listing: string, by: Uint8Array, expires_at = NOW + 86_400): NostrEvent =>
  sign(
    decisionEvent(
      {
        ...{ action: "take_down", target: { kind: "listing", value: listing }, reason: "malware", status: null },
        ...{ blast_radius: null, evidence_sha256: "ab".repeat(32), expires_at, answers: null },
        ...{ appeal: "possible", note: "" },
      },
      { created_at: NOW - 5 },
    ),
    by,
  );

let host: TestEdge;
let client: Client;
let upstream: FakeRelay;
let own: FakeRelay;
const byWatch = takeDown(address(author, "one"), watch);
const byAnn = takeDown(address(author, "two"), ann);
const byStranger = takeDown(address(author, "three"), stranger);
const lists = [
  sign(mutesEvent([hex(muted)], { created_at: NOW - 5 }), watch),
  sign(peopleEvent({ list: "curators", people: [person(ann, "Ann", "take_down")] }, { created_at: NOW - 5 }), watch),
];

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${host.edge().url}${path}`)).json()) as T;
}
async function statusOf(listing: string, query = ""): Promise<number> {
  const response = await fetch(`${host.edge().url}/v1/listings/${listing}${query}`);
  await response.body?.cancel();
  return response.status;
}
async function slugs(query = ""): Promise<string> {
  const { listings } = await get<CatalogPage>(`/v1/listings?limit=50&sort=title${query}`);
  return listings.map(({ slug }) => slug).join();
}
async function served(query = ""): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = "0"; cursor !== null; ) {
    type Part = { readonly events: readonly NostrEvent[]; readonly next_cursor: string | null };
    const page: Part = await get<Part>(`/v1/moderation/events?cursor=${cursor}${query}`);
    ids.push(...page.events.map(({ id }) => id));
    cursor = page.next_cursor;
  }
  return ids;
}
const chosen = (...of: readonly Uint8Array[]): string => `moderators=${of.map(hex).join()}`;

before(async () => {
  const example = JSON.parse(await readFile(join(ROOT, "schemas/examples/upgrades/nightly-index.json"), "utf8"));
  const listed = (by: Uint8Array, id: string): NostrEvent => {
    const manifest = { ...example, id, title: id, author: { name: "Ada", npub: hexToNpub(hex(by)) } };
    return sign(manifestEvent(manifest, { created_at: NOW - 9 }), by);
  };
  [upstream, own] = [await openFakeRelay(), await openFakeRelay()];
  for (const event of [byAnn, byStranger, ...lists, sign(mutesEvent([hex(author)], { created_at: NOW }), stranger)]) {
    upstream.add(event);
  }
  // Where it publishes, one learns from its own relay list (NIP-65).
  upstream.add(signed(watch, { kind: 10002, tags: [["r", own.url, "write"]], created_at: NOW - 5 }));
  own.add(byWatch);
  host = await openTestEdge({
    ...{ OPERATOR: hex(operator), UPSTREAM_RELAYS: upstream.url, UPSTREAM_INTERVAL_S: "1" },
    ...{ FOLLOW_RELAY_LISTS: "1", LISTED_RELAYS: own.url },
  });
  client = await connect(host.edge().relay_url);
  const listings = ["one", "two", "three", "four"].map((id) => listed(author, id));
  for (const event of [...listings, listed(muted, "five")]) await client.publish(event);
});
after(async () => {
  await client.close();
  await host.close();
  await Promise.all([upstream.close(), own.close()]);
});

test("before anybody is offered, lists of other applications are nobody's here", async () => {
  await eventually(async () => (await slugs()) === "five,four,one,three,two");
  await eventually(async () => (await served(`&${chosen(stranger)}`)).includes(byStranger.id));
  assert.deepEqual(await served(), []);
  assert.deepEqual(await client.query({ kinds: [10_000] }), []);
});

test("whom the operator's signed list offers is pulled with its lists and curators, from its own relays too", async () => {
  await client.publish(offer([person(watch, "Watch")], NOW - 3));
  await eventually(async () => {
    const ids = await served();
    return [byWatch, byAnn, ...lists].every(({ id }) => ids.includes(id));
  });
  const roles = await get<ModerationRoles>("/v1/moderation/roles");
  assert.ok(validators.isModerationRoles(roles), JSON.stringify(validators.isModerationRoles.errors));
  assert.deepEqual(roles.moderators, [{ pubkey: hex(watch), npub: hexToNpub(hex(watch)), name: "Watch" }]);
  assert.deepEqual(roles.curators, []);
  assert.equal((await served()).includes(byStranger.id), false);
  const mutes = await client.query({ kinds: [10_000] });
  assert.deepEqual(
    mutes.map(({ pubkey }) => pubkey),
    [hex(watch)],
  );
});

test("what they decide applies to those who choose them, and to nobody else", async () => {
  assert.equal(await slugs(), "five,four,one,three,two");
  assert.deepEqual((await get<ModerationLedger>("/v1/moderation/ledger")).entries, []);
  const snapshot = await get<SnapshotPage>("/v1/snapshot");
  assert.equal(snapshot.listings_total, 5, "a mirror has pages of all of it");
  const by = `?${chosen(watch)}`;
  assert.equal(await statusOf(address(author, "one"), by), 410);
  assert.equal(await statusOf(address(author, "two"), by), 410, "by whom its list of curators names");
  assert.equal(await statusOf(address(muted, "five"), by), 410, "on its mute list");
  assert.equal(await statusOf(address(author, "three"), by), 200);
  assert.equal(await slugs(`&${chosen(watch)}`), "four,three");
  assert.equal(await slugs(`&${chosen(watch, stranger)}`), "four");
  assert.equal(await slugs("&moderators=none"), "five,four,one,three,two");
});

test("the signed events are given for whomever one asks, offered or not, and a wrong key is refused", async () => {
  assert.deepEqual(await served(`&${chosen(stranger)}`), [byStranger.id]);
  assert.deepEqual(await served(`&${chosen(ann)}`), [byAnn.id]);
  assert.deepEqual(await served("&moderators=none"), []);
  const refused = await fetch(`${host.edge().url}/v1/moderation/events?moderators=somebody`);
  assert.equal(refused.status, 400);
});

test("a decision of theirs that ends makes the catalog another, so that mirrors are built again", async () => {
  const ended = async (): Promise<number> => (await get<SnapshotPage>("/v1/snapshot")).version % 1_000_000;
  assert.equal(await ended(), 0);
  await client.publish(takeDown(address(author, "four"), watch, Math.floor(Date.now() / 1000) + 2));
  await eventually(async () => (await ended()) === 1);
  assert.equal(await statusOf(address(author, "four"), `?${chosen(watch)}`), 200);
});

test("nobody but the operator offers moderators, and an offer ends with the list that no longer has it", async () => {
  const forged = sign(
    peopleEvent({ list: "moderators", people: [person(stranger, "Me")] }, { created_at: NOW }),
    stranger,
  );
  await client.publish(forged);
  await client.publish(offer([], NOW - 1));
  await eventually(async () => (await get<ModerationRoles>("/v1/moderation/roles")).moderators.length === 0);
  await eventually(async () => !(await served()).includes(byWatch.id));
  assert.equal((await served()).includes(byStranger.id), false);
  assert.equal(await statusOf(address(author, "one"), `?${chosen(watch)}`), 410, "and who chose it has it still");
});
