import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type {
  CatalogDetail,
  CatalogListing,
  CatalogPage,
  SnapshotPage,
  UpgradeManifest,
} from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { toEvent as manifestEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { toEvent as releaseEvent } from "@oa/shared/nostr/30052-release.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { type Client, connect, eventually, NOW, openTestEdge, ROOT, signed, type TestEdge } from "./fixture.ts";

const key = generateSecretKey();
const author = getPublicKey(key);
let host: TestEdge;
let client: Client;
let example: UpgradeManifest;

before(async () => {
  example = JSON.parse(await readFile(join(ROOT, "schemas/examples/upgrades/nightly-index.json"), "utf8"));
  host = await openTestEdge();
  client = await connect(host.edge().relay_url);
});
after(async () => {
  await client.close();
  await host.close();
});

function manifest(by: Uint8Array, change: Partial<UpgradeManifest>): UpgradeManifest {
  return { ...example, ...change, author: { name: "Ada", npub: hexToNpub(getPublicKey(by)) } };
}
function listingEvent(by: Uint8Array, change: Partial<UpgradeManifest>, created_at = NOW): NostrEvent {
  const { tags, ...rest } = manifestEvent(manifest(by, change), { created_at });
  return signed(by, { ...rest, tags: tags.map((tag) => [...tag]) });
}
function release(
  by: Uint8Array,
  of: NostrEvent,
  version: string,
  channel: "main" | "beta",
  created_at = NOW,
): NostrEvent {
  const { tags, ...rest } = releaseEvent(
    { ...(JSON.parse(of.content) as UpgradeManifest), version },
    {
      author: of.pubkey,
      manifest_event_id: of.id,
      manifest_sha256: of.tags.find(([name]) => name === "x")?.[1] ?? "",
      notes: "notes",
      channel,
      created_at,
    },
  );
  return signed(by, { ...rest, tags: tags.map((tag) => [...tag]) });
}
async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${host.edge().url}${path}`);
  return (await response.json()) as T;
}
const list = async (query: string): Promise<readonly CatalogListing[]> => {
  const page = await get<CatalogPage>(`/v1/listings?${query}`);
  assert.ok(validators.isCatalogPage(page), JSON.stringify(page));
  return page.listings;
};
const slugs = async (query: string) => (await list(query)).map(({ slug }) => slug);
const published = async (event: NostrEvent): Promise<void> => {
  assert.deepEqual(await client.publish(event), ["OK", event.id, true, ""]);
};
const appears = (address: string, event_id: string) =>
  eventually(async () => (await get<CatalogDetail>(`/v1/listings/${address}`)).event?.id === event_id);

test("a published manifest is listed under its full address, with the event as its author signed it", async () => {
  const event = listingEvent(key, { id: "first.upgrade", title: "First upgrade" });
  await published(event);
  const address = `30051:${author}:first.upgrade`;
  await appears(address, event.id);
  const detail = await get<CatalogDetail>(`/v1/listings/${encodeURIComponent(address)}`);
  assert.ok(validators.isCatalogDetail(detail));
  assert.equal(detail.listing.address, address);
  assert.deepEqual(await get(`/v1/listings/${address}/event`), event);
});

test("the same slug of another author is another listing", async () => {
  const rival = generateSecretKey();
  await published(listingEvent(rival, { id: "first.upgrade", title: "First upgrade" }));
  await eventually(async () => (await list("slug=first.upgrade")).length === 2);
  assert.deepEqual(await slugs(`author=${author}`), ["first.upgrade"]);
  assert.deepEqual(await slugs(`author=${hexToNpub(getPublicKey(rival))}`), ["first.upgrade"]);
});

test("a newer manifest replaces the listing and an older one does not", async () => {
  const own = generateSecretKey();
  const address = `30051:${getPublicKey(own)}:updated`;
  const newer = listingEvent(own, { id: "updated", title: "Newer title" }, NOW - 10);
  await published(newer);
  await appears(address, newer.id);
  client.send(["EVENT", listingEvent(own, { id: "updated", title: "Older title" }, NOW - 20)]);
  assert.equal((await client.next())[2], false);
  const newest = listingEvent(own, { id: "updated", title: "Newest title" }, NOW - 5);
  await published(newest);
  await appears(address, newest.id);
  assert.equal((await list("slug=updated")).length, 1);
  assert.deepEqual(await slugs("text=newer+title"), []);
});

test("the newest release of each channel is shown, by SemVer precedence and not by date", async () => {
  const own = generateSecretKey();
  const event = listingEvent(own, { id: "released" });
  const address = `30051:${getPublicKey(own)}:released`;
  const versions = [
    release(own, event, "1.9.0", "main", NOW - 3),
    release(own, event, "1.10.0", "main", NOW - 9),
    release(own, event, "1.10.0-rc.1", "main", NOW - 1),
    release(own, event, "2.0.0-beta.2", "beta", NOW - 2),
  ];
  for (const each of [...versions, event]) await published(each);
  await appears(address, event.id);
  const shown = async () => {
    const { listing, release_events } = await get<CatalogDetail>(`/v1/listings/${address}`);
    assert.deepEqual(
      listing.releases.map(({ event_id }) => event_id),
      release_events.map(({ id }) => id),
    );
    return listing.releases.map(({ channel, version }) => `${channel} ${version}`);
  };
  assert.deepEqual(await shown(), ["main 1.10.0", "beta 2.0.0-beta.2"]);
  const withdrawn = ["a", `30052:${getPublicKey(own)}:released@1.10.0`];
  await published(signed(own, { kind: 5, tags: [withdrawn] }));
  await eventually(async () => (await shown())[0] === "main 1.10.0-rc.1");
});

test("a listing's other releases are kept beside the newest, latest first, and go with their deletion", async () => {
  const own = generateSecretKey();
  const event = listingEvent(own, { id: "history" });
  const address = `30051:${getPublicKey(own)}:history`;
  const versions = [
    release(own, event, "1.0.0", "main", NOW - 30),
    release(own, event, "1.1.0", "main", NOW - 20),
    release(own, event, "2.0.0-beta.1", "beta", NOW - 15),
    release(own, event, "1.2.0", "main", NOW - 10),
  ];
  for (const each of [event, ...versions]) await published(each);
  await appears(address, event.id);
  const kept = async () => {
    const { release_events, older_release_events = [] } = await get<CatalogDetail>(`/v1/listings/${address}`);
    return [release_events, older_release_events].map((events) => events.map(({ id }) => id));
  };
  const [first, second, beta, newest] = versions.map(({ id }) => id);
  await eventually(async () => (await kept())[1]?.length === 2);
  assert.deepEqual(await kept(), [
    [newest, beta],
    [second, first],
  ]);
  await published(signed(own, { kind: 5, tags: [["e", second ?? ""]] }));
  await eventually(async () => (await kept())[1]?.length === 1);
  assert.deepEqual((await kept())[1], [first]);
});

test("what is not ours, or contradicts itself, is taken by the relay but never listed, and is counted", async () => {
  const own = generateSecretKey();
  const good = listingEvent(own, { id: "contradiction" });
  const retag = (change: (tag: string[]) => string[], kind = 30051) =>
    signed(own, { kind, content: good.content, tags: good.tags.map((tag) => change([...tag])), created_at: NOW - 1 });
  const bad = [
    signed(own, { kind: 30051, tags: [["d", "bounty"]], content: "an application for a bounty" }),
    signed(own, {
      kind: 30051,
      tags: [
        ["d", "nns"],
        ["L", "openagents.upgrade"],
        ["l", "manifest", "openagents.upgrade"],
      ],
      content: "{}",
    }),
    retag((tag) => (tag[0] === "x" ? ["x", "0".repeat(64)] : tag)),
    retag((tag) => (tag[0] === "d" ? ["d", "another"] : tag)),
    retag((tag) => (tag[0] === "version" ? ["version", "9.9.9"] : tag[0] === "d" ? ["d", "third"] : tag)),
    signed(generateSecretKey(), { kind: 30051, content: good.content, tags: good.tags.map((tag) => [...tag]) }),
    signed(own, { kind: 30052, tags: [["d", "x@1"]], content: "an endorsement" }),
  ];
  for (const event of bad) await client.publish(event);
  const health = await eventuallyDropped(6);
  assert.equal(health.foreign_event, 3);
  assert.ok((health.manifest_hash_mismatch ?? 0) >= 1 && (health.event_tag_mismatch ?? 0) >= 1);
  assert.equal(health.author_mismatch, 1);
  assert.deepEqual(await list(`author=${getPublicKey(own)}`), []);
});
async function eventuallyDropped(count: number): Promise<Readonly<Record<string, number>>> {
  let dropped: Readonly<Record<string, number>> = {};
  await eventually(async () => {
    ({ dropped } = await get<{ dropped: Record<string, number> }>("/health"));
    return Object.values(dropped).reduce((sum, each) => sum + each, 0) >= count;
  });
  return dropped;
}

test("its author, and nobody else, takes a listing down", async () => {
  const own = generateSecretKey();
  const event = listingEvent(own, { id: "withdrawn" });
  const address = `30051:${getPublicKey(own)}:withdrawn`;
  await published(event);
  await appears(address, event.id);
  await published(
    signed(key, {
      kind: 5,
      tags: [
        ["a", address],
        ["e", event.id],
      ],
    }),
  );
  const marker = listingEvent(own, { id: "marker" });
  await published(marker);
  await appears(`30051:${getPublicKey(own)}:marker`, marker.id);
  assert.equal((await list("slug=withdrawn")).length, 1);
  await published(signed(own, { kind: 5, tags: [["a", address]] }));
  await eventually(async () => (await fetch(`${host.edge().url}/v1/listings/${address}`)).status === 404);
});

test("listings are found by backend, platform, price, tag, category, author and words, all together", async () => {
  const own = generateSecretKey();
  const by = `author=${getPublicKey(own)}`;
  const { capabilities } = example;
  const make = (id: string, change: Partial<UpgradeManifest>) => listingEvent(own, { id, ...change }, NOW - 30);
  const events = [
    make("free-ollama", {
      title: "Summarise the inbox",
      tags: ["Mail", "summary"],
      categories: ["productivity"],
      pricing: { model: "free" },
      capabilities: { ...capabilities, platforms: ["linux"], backends: ["ollama"] },
    }),
    make("paid-mlx", {
      title: "Index notes",
      tags: ["notes"],
      categories: ["search"],
      pricing: { model: "per-run", amount_sats: 50 },
      capabilities: { ...capabilities, platforms: ["macos"], backends: ["mlx", "ollama"] },
    }),
    make("dear", { title: "Über-Index", tags: ["notes"], pricing: { model: "per-month", amount_sats: 5_000 } }),
  ];
  for (const event of events) await published(event);
  await eventually(async () => (await list(by)).length === 3);
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["backend=ollama", ["free-ollama", "paid-mlx"]],
    ["backend=mlx&price=paid", ["paid-mlx"]],
    ["platform=linux&tag=mail", ["free-ollama"]],
    ["price=free", ["free-ollama"]],
    ["price=100", ["free-ollama", "paid-mlx"]],
    ["price=paid", ["dear", "paid-mlx"]],
    ["tag=NOTES", ["dear", "paid-mlx"]],
    ["category=search", ["dear", "paid-mlx"]],
    ["text=summar", ["free-ollama"]],
    ["text=index&tag=notes", ["dear", "paid-mlx"]],
    ["text=uber", ["dear"]],
    ["text=index+absent", []],
    ["backend=mlx&price=free", []],
  ];
  for (const [query, expected] of cases) {
    assert.deepEqual((await slugs(`${by}&${query}`)).sort(), [...expected].sort(), query);
  }
  assert.deepEqual(await slugs(`${by}&sort=title`), ["paid-mlx", "free-ollama", "dear"]);
  assert.deepEqual(await slugs(`${by}&sort=price`), ["free-ollama", "paid-mlx", "dear"]);
});

test("pages follow one another without a gap or a repeat, in every order", async () => {
  const own = generateSecretKey();
  const by = `author=${getPublicKey(own)}&text=paging`;
  const count = 11;
  for (let index = 0; index < count; index += 1) {
    const pricing = { model: "per-run", amount_sats: 1 + (index % 3) } as const;
    await published(
      listingEvent(own, { id: `page-${index}`, title: `Paging ${index % 4}`, pricing }, NOW - (index % 5)),
    );
  }
  await eventually(async () => (await list(`${by}&limit=100`)).length === count);
  for (const sort of ["relevance", "newest", "title", "price"]) {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const after = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: CatalogPage = await get(`/v1/listings?${by}&sort=${sort}&limit=3${after}`);
      seen.push(...page.listings.map(({ address }) => address));
      cursor = page.next_cursor;
    } while (cursor !== null);
    assert.equal(seen.length, count, sort);
    assert.equal(new Set(seen).size, count, sort);
    assert.deepEqual(
      seen,
      (await list(`${by}&sort=${sort}&limit=100`)).map(({ address }) => address),
      sort,
    );
  }
});

test("a wrong question gets one sentence with a code", async () => {
  const ask = async (path: string) => {
    const response = await fetch(`${host.edge().url}${path}`);
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    assert.ok(error.message.length > 10);
    return `${response.status} ${error.code}`;
  };
  assert.equal(await ask("/v1/listings?price=cheap"), "422 schema_invalid");
  assert.equal(await ask("/v1/listings?colour=blue"), "422 schema_invalid");
  assert.equal(await ask("/v1/listings?limit=0"), "422 schema_invalid");
  const said = async (query: string) => {
    const refused = (await (await fetch(`${host.edge().url}/v1/listings?${query}`)).json()) as {
      error: { message: string };
    };
    return refused.error.message;
  };
  assert.match(await said("price=cheap"), /^\/price must match pattern .*, not "cheap"$/);
  assert.match(await said("sort=luck"), /^\/sort must be one of relevance, .*, not "luck"$/);
  assert.equal(await said("colour=blue"), "/colour is not a field this version knows");
  assert.equal(await ask("/v1/listings?sort=relevance"), "400 usage");
  assert.equal(await ask("/v1/listings?cursor=bm9uZQ"), "400 usage");
  assert.equal(await ask(`/v1/listings?sort=title&cursor=${btoa('["newest",1,"x"]')}`), "400 usage");
  assert.equal(await ask("/v1/listings?author=me"), "400 usage");
  assert.equal(await ask("/v1/listings/30051:nobody:nothing"), "404 not_found");
  assert.equal(await ask("/v1/nothing"), "404 not_found");
});

test("openapi.json describes the routes with the schemas that validate them", async () => {
  const document = await get<{ paths: object; components: { schemas: Record<string, unknown> } }>("/openapi.json");
  assert.ok("/v1/listings/{address}" in document.paths && "/v1/workers/{pubkey}/installs" in document.paths);
  const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name = ""]) => name);
  assert.ok(names.length > 10 && "/v1/moderation/take-down" in document.paths);
  for (const name of names) assert.ok(name in document.components.schemas, name);
});

test("a mirror reads every listing with its signed events, page by page, and sees whether anything moved", async () => {
  const by = generateSecretKey();
  const events = Array.from({ length: 120 }, (_, index) =>
    listingEvent(by, { id: `many.upgrade-${String(index).padStart(3, "0")}`, title: `Many ${index}` }),
  );
  for (const event of events) await published(event);
  const mine = new Set(events.map(({ id }) => id));
  const read = async () => {
    const pages: SnapshotPage[] = [];
    for (let cursor = ""; ; ) {
      const page = await get<SnapshotPage>(`/v1/snapshot?cursor=${encodeURIComponent(cursor)}`);
      assert.ok(validators.isSnapshotPage(page));
      pages.push(page);
      if (page.next_cursor === null) return pages;
      cursor = page.next_cursor;
    }
  };
  await eventually(async () => {
    const details = (await read()).flatMap((page) => page.details);
    return details.filter(({ event }) => mine.has(event.id)).length === events.length;
  });
  const pages = await read();
  assert.ok(pages.length > 1, "more listings than fit into one page");
  const addresses = pages.flatMap((page) => page.details.map(({ listing }) => listing.address));
  assert.deepEqual(addresses, [...new Set(addresses)].sort(), "each once, in order");
  assert.equal(pages[0]?.listings_total, addresses.length);
  assert.equal(pages.at(-1)?.version, (await get<SnapshotPage>("/v1/snapshot")).version, "nothing moved");
  const another = listingEvent(by, { id: "many.upgrade-more", title: "One more" });
  await published(another);
  await appears(`30051:${getPublicKey(by)}:many.upgrade-more`, another.id);
  assert.ok((await get<SnapshotPage>("/v1/snapshot")).version > (pages.at(-1)?.version ?? 0), "something did");
});

test("nothing of this was a failure of the edge's own", () => {
  assert.deepEqual(host.log, []);
});
