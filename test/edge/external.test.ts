import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { CatalogPage } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { type FakeRelay, openFakeRelay } from "../fakes/relay.ts";
import { connect, eventually, NOW, openTestEdge, signed, type TestEdge } from "./fixture.ts";

const key = generateSecretKey();
const author = getPublicKey(key);
const HASH = "c".repeat(64);
const app = signed(key, {
  ...{ kind: 32267, content: "# Reader", created_at: NOW - 100 },
  tags: [
    ["d", "com.example.reader"],
    ["name", "Reader <b>"],
    ["summary", "Reads long texts"],
    ["t", "reading"],
    ["repository", "https://example.com/r"],
  ],
});
const release = signed(key, {
  ...{ kind: 30063, created_at: NOW - 90 },
  tags: [
    ["d", "com.example.reader@2.1.0"],
    ["i", "com.example.reader"],
    ["version", "2.1.0"],
    ["c", "main"],
  ],
});
const skill = signed(key, {
  ...{ kind: 33400, created_at: NOW - 80 },
  tags: [
    ["d", "summarise"],
    ["name", "Summarise"],
    ["description", "Sums up"],
    ["version", "1.0.0"],
    ["manifest_hash", HASH],
    ["t", "agent-skill"],
  ],
});
const escrow = signed(key, {
  kind: 33400,
  tags: [
    ["d", "escrow"],
    ["name", "Escrow"],
  ],
  created_at: NOW - 70,
});
const server = signed(key, {
  ...{
    kind: 11316,
    created_at: NOW - 60,
    tags: [
      ["name", "Weather"],
      ["about", "Says the weather"],
    ],
  },
  content: JSON.stringify({
    protocolVersion: "2025-06-18",
    capabilities: { tools: {} },
    serverInfo: { name: "w", version: "3" },
  }),
});
const tools = signed(key, {
  kind: 11317,
  created_at: NOW - 50,
  content: JSON.stringify({ tools: [{ name: "forecast" }] }),
});

let relay: FakeRelay;
let host: TestEdge;
let without: TestEdge;
before(async () => {
  relay = await openFakeRelay();
  for (const event of [app, release, skill, escrow, server, tools]) relay.add(event);
  const settings = { UPSTREAM_RELAYS: relay.url, UPSTREAM_INTERVAL_S: "1" };
  host = await openTestEdge({ ...settings, EXTERNAL_LISTINGS: "1" });
  without = await openTestEdge(settings);
});
after(async () => {
  await host.close();
  await without.close();
  await relay.close();
});
async function list(query: string, of = host): Promise<CatalogPage> {
  const page: unknown = await (await fetch(`${of.edge().url}/v1/listings?${query}`)).json();
  assert.ok(validators.isCatalogPage(page), JSON.stringify(page));
  return page;
}
const titles = async (query: string): Promise<readonly string[]> =>
  ((await list(query)).external ?? []).map(({ title }) => title);

test("what other drafts list is read from upstream relays and shown apart, with its source", async () => {
  await eventually(async () => (await titles("external=1")).length === 3, 60_000);
  const page = await list("external=1");
  assert.deepEqual(page.listings, []);
  assert.deepEqual(
    page.external?.map(({ draft, title, version, tools: names, installable }) => [
      draft,
      title,
      version,
      names,
      installable,
    ]),
    [
      ["contextvm", "Weather", "3", ["forecast"], false],
      ["skl", "Summarise", "1.0.0", [], false],
      ["nip-82", "Reader <b>", "2.1.0", [], false],
    ],
  );
  assert.deepEqual(
    page.external?.map(({ address }) => address),
    [`11316:${author}:`, `33400:${author}:summarise`, `32267:${author}:com.example.reader`],
  );
});

test("it is found by words, author and tag, in pages, and by nothing that it has not", async () => {
  assert.deepEqual(await titles("external=1&text=long%20tex"), ["Reader <b>"]);
  assert.deepEqual(await titles("external=1&tag=Reading"), ["Reader <b>"]);
  assert.deepEqual(await titles(`external=1&author=${author}&sort=title`), ["Reader <b>", "Summarise", "Weather"]);
  assert.deepEqual(await titles(`external=1&author=${"f".repeat(64)}`), []);
  const first = await list("external=1&limit=2");
  const second = await list(`external=1&limit=2&cursor=${encodeURIComponent(first.next_cursor ?? "")}`);
  assert.equal(new Set([...(first.external ?? []), ...(second.external ?? [])].map(({ address }) => address)).size, 3);
  for (const query of ["external=1&price=free", "external=1&sort=rating", "external=yes"]) {
    assert.ok([400, 422].includes((await fetch(`${host.edge().url}/v1/listings?${query}`)).status), query);
  }
});

test("it is no upgrade: not listed unasked, without a page or a mirror of its own, and never to be installed", async () => {
  const page = await list("");
  assert.deepEqual([page.listings, page.external], [[], undefined]);
  const address = encodeURIComponent(`32267:${author}:com.example.reader`);
  assert.equal((await fetch(`${host.edge().url}/v1/listings/${address}`)).status, 404);
  const snapshot = (await (await fetch(`${host.edge().url}/v1/snapshot`)).json()) as {
    version: number;
    details: unknown[];
  };
  assert.deepEqual(snapshot.details, []);
  const { parseAddress } = await import("@oa/worker/admin/upgrade-source.ts");
  const parsed = parseAddress(`32267:${author}:com.example.reader`);
  assert.ok("rejected" in parsed, "an install is refused before anything is asked");
});

test("without the setting nothing of it is kept, and asking for it is refused", async () => {
  await eventually(async () => {
    const { relays } = (await (await fetch(`${without.edge().url}/v1/upstreams`)).json()) as {
      relays: { pulled_at_ms: number | null }[];
    };
    return relays[0]?.pulled_at_ms !== null;
  }, 60_000);
  assert.equal((await fetch(`${without.edge().url}/v1/listings?external=1`)).status, 400);
  const client = await connect(without.edge().relay_url);
  assert.deepEqual(await client.query({}), []);
  assert.match(String((await client.publish(app))[3]), /^blocked: /);
  await client.close();
});

test("a deletion by its author, found upstream, takes it out; one by another does not", async () => {
  const k = ["k", "32267"];
  const address = `32267:${author}:com.example.reader`;
  relay.add(signed(generateSecretKey(), { kind: 5, tags: [["a", address], k] }));
  relay.add(
    signed(key, {
      kind: 5,
      tags: [
        ["e", skill.id],
        ["k", "33400"],
      ],
    }),
  );
  await eventually(async () => !(await titles("external=1")).includes("Summarise"), 60_000);
  assert.ok((await titles("external=1")).includes("Reader <b>"));
  relay.add(signed(key, { kind: 5, tags: [["a", address], k] }));
  await eventually(async () => (await titles("external=1")).join() === "Weather", 60_000);
  assert.deepEqual(host.log, []);
});
