/** The simulation of the guide on scale, small: the edge's own catalog, filled as the relay does, asked all that is measured. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { one, type Sql, type SqlValue } from "@oa/shared/core/sql.ts";
import type { CatalogListing, CatalogPage, CatalogQuery, SnapshotPage } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import type { ReaderView } from "@oa/shared/moderation/reader.ts";
import type { VerifiedEvent } from "@oa/shared/nostr/verify.ts";
import { openSqlite } from "@oa/worker/adapters/sqlite.ts";
import { getListing, listListings, snapshotPage } from "../../edge/catalog/query.ts";
import { takeReputation } from "../../edge/catalog/reputation.ts";
import { takeEvent } from "../../edge/catalog/store.ts";
import { createCatalogTables } from "../../edge/catalog/tables.ts";
import { createRolledTable, keepRolled, rolledAfter } from "../../edge/reputation/rolled.ts";
import {
  type Filled,
  fill,
  MODERATORS,
  openCatalog,
  otherDeletions,
  pagesOf,
  questions,
  type ScaleCatalog,
  snapshotOf,
  takeDowns,
} from "../bench/scale/catalog.ts";
import { claimCost, inputCost, relayCost } from "../bench/scale/costs.ts";
import { market, PUBLISHED_AT, publicKeyAt } from "../bench/scale/market.ts";
import { MILLION, receiptSpread, relaySpread, reputationSpread } from "../bench/scale/spread.ts";

const LISTINGS = 1_000;
/** The most that a string or a row of a Durable Object's database may have. */
const OBJECT_ROW_BYTES = 2_000_000;
let catalog: ScaleCatalog;
let filled: Filled;

before(async () => {
  catalog = await openCatalog();
  filled = await fill(catalog, LISTINGS);
});
after(() => catalog.close());

test("every question that is measured is answered, with a page at most", async () => {
  for (const [name, path] of Object.entries(questions())) {
    const answer = await catalog.get<CatalogPage | SnapshotPage | object>(path(0));
    if ("listings" in answer) {
      assert.ok(validators.isCatalogPage(answer), name);
      assert.ok(answer.listings.length <= 100, name);
    }
    if ("details" in answer) assert.ok(validators.isSnapshotPage(answer), name);
  }
  const all: CatalogPage = await catalog.get("/v1/listings?text=upgrade&limit=100");
  assert.equal(all.listings.length, 100);
  assert.deepEqual((await catalog.get<CatalogPage>(questions()["what nothing meets"]?.(0) ?? "")).listings, []);
});

test("in every order the pages hold each listing once", async () => {
  const wanted = [...filled.addresses].sort();
  for (const query of ["sort=newest", "sort=title", "sort=price", "sort=rating", "text=upgrade", "platform=macos"]) {
    const seen: string[] = [];
    for await (const { listings } of pagesOf(catalog, query)) seen.push(...listings.map(({ address }) => address));
    assert.deepEqual(seen.sort(), wanted, query);
  }
});

test("conditions together find exactly what a look at every listing finds", async () => {
  const all: CatalogListing[] = [];
  for await (const { listings } of pagesOf(catalog, "sort=newest")) all.push(...listings);
  const some = all.find(({ tags }) => tags.length > 1);
  const [tag = "", other = ""] = some?.tags ?? [];
  const cases: readonly [string, (listing: (typeof all)[number]) => boolean][] = [
    [`tag=${tag}`, ({ tags }) => tags.includes(tag)],
    [`tag=${tag}&backend=ollama`, ({ tags, backends }) => tags.includes(tag) && backends.includes("ollama")],
    [`tag=${other}&price=free&text=upgrade`, ({ tags, pricing }) => tags.includes(other) && pricing.model === "free"],
    ["price=100&platform=linux", ({ pricing, platforms }) => pricing.amount_sats <= 100 && platforms.includes("linux")],
    [`author=${some?.pubkey}&sort=rating`, ({ pubkey }) => pubkey === some?.pubkey],
  ];
  for (const [query, meets] of cases) {
    const found: string[] = [];
    for await (const { listings } of pagesOf(catalog, query)) found.push(...listings.map(({ address }) => address));
    const wanted = all.filter(meets).map(({ address }) => address);
    assert.ok(wanted.length > 0, query);
    assert.deepEqual(found.sort(), wanted.sort(), query);
  }
});

test("a mirror reads each listing once, with the roll-ups, and pages stay within their size", async () => {
  const seen: string[] = [];
  let rated = 0;
  for await (const page of snapshotOf(catalog)) {
    assert.equal(page.listings_total, LISTINGS);
    const chars = page.details.slice(0, -1).reduce((sum, detail) => sum + JSON.stringify(detail).length, 0);
    assert.ok(chars <= LIMITS.snapshot_page_chars);
    for (const { listing, reputation_event } of page.details) {
      seen.push(listing.address);
      assert.equal(reputation_event?.id, listing.reputation?.event_id);
      if (reputation_event !== undefined) rated += 1;
    }
  }
  assert.deepEqual(seen, [...filled.addresses].sort());
  assert.ok(rated > LISTINGS / 5);
});

test("a deletion of something else is no change, so that no mirror reads everything again for it", async () => {
  const version = async () => (await catalog.get<SnapshotPage>("/v1/snapshot?cursor=~")).version;
  const before = await version();
  await catalog.post("/take", otherDeletions(10));
  assert.equal(await version(), before);
});

test("two thousand take-downs hide what they name from those who chose their moderators, and from nobody else", async () => {
  const hidden = takeDowns(filled.addresses);
  await catalog.post("/take", hidden);
  const shown: string[] = [];
  for await (const { listings } of pagesOf(catalog, `moderators=${MODERATORS.slice(0, 5).join()}`)) {
    shown.push(...listings.map(({ address }) => address));
  }
  const down = new Set(
    hidden
      .filter(({ pubkey }) => MODERATORS.slice(0, 5).includes(pubkey))
      .map(({ tags }) => tags.find(([name]) => name === "a")?.[1]),
  );
  assert.deepEqual(shown.sort(), filled.addresses.filter((address) => !down.has(address)).sort());
  assert.equal((await catalog.get<SnapshotPage>("/v1/snapshot?cursor=~")).listings_total, LISTINGS);
});

test("no question walks a table: each enters an index, whatever is asked together", () => {
  const database = openSqlite(":memory:");
  const plans: string[] = [];
  const watched: Sql = {
    ...database,
    all: (statement, ...params) => {
      plans.push(...planOf(database, statement, params).map((step) => `${step} — ${statement}`));
      return database.all(statement, ...params);
    },
  };
  createCatalogTables(database);
  const intake = { moderators: { trusted: [], offered: [] }, full: false };
  const addresses: string[] = [];
  for (const { address, events, reputation } of market(50)) {
    for (const event of events) takeEvent(watched, event as VerifiedEvent, intake);
    if (reputation !== null) takeReputation(watched, address, reputation.summary, reputation.event);
    addresses.push(address);
  }
  for (const event of otherDeletions(1)) takeEvent(watched, event as VerifiedEvent, intake);
  for (const query of everyQuery()) {
    assert.ok(!isRejection(listListings(watched, query, EVERYTHING, PUBLISHED_AT)), JSON.stringify(query));
  }
  getListing(watched, addresses[0] ?? "", EVERYTHING, PUBLISHED_AT);
  snapshotPage(watched, addresses[1] ?? "", EVERYTHING, PUBLISHED_AT);
  const walks = plans.filter((step) =>
    /^SCAN (?!json_each|.*VIRTUAL TABLE|.*USING (COVERING )?INDEX cat_listings_)/.test(step),
  );
  const small = walks.filter((step) => !/^SCAN (cat_version|CONSTANT ROW|\(subquery|\(join)/.test(step));
  assert.deepEqual([...new Set(small)], []);
  assert.ok(plans.length > 1_000);
  database.close();
});

const EVERYTHING: ReaderView = { hidden: new Map(), labels: new Map(), featured: new Set(), until: null, ended: 0 };

/** Every order with every condition and pair of conditions, from the beginning and from a place within. */
function everyQuery(): readonly CatalogQuery[] {
  const conditions: readonly Partial<CatalogQuery>[] = [
    ...[{}, { tag: "tag-1" }, { backend: "ollama" }, { category: "category-1" }, { platform: "macos" }],
    ...[{ price: "free" }, { price: "paid" }, { price: "10" }, { slug: "made.upgrade-1" }],
    ...[{ author: "ab".repeat(32) }, { text: "upgrade" }],
  ];
  const cursors = { newest: PUBLISHED_AT, title: "m", price: 5, rating: 2_000, relevance: -0.5 };
  return conditions.flatMap((one, index) =>
    conditions.slice(index).flatMap((two) =>
      (["newest", "title", "price", "rating", "relevance"] as const).flatMap((sort): CatalogQuery[] => {
        const query = { ...one, ...two, sort } as CatalogQuery;
        if (sort === "relevance" && query.text === undefined) return [];
        const cursor = btoa(encodeURIComponent(JSON.stringify([sort, cursors[sort], "30051:"])));
        return [query, { ...query, cursor }];
      }),
    ),
  );
}

function planOf(sql: Sql, statement: string, params: readonly SqlValue[]): readonly string[] {
  return sql.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`, ...params).map(({ detail }) => detail);
}

test("what is spread stays whole: nothing is lost between shards, and a split halves the largest range", () => {
  const assumed = { ...MILLION, listings: 10_000 };
  const shards = relaySpread(assumed, [1, 2, 16]);
  const [all, halves, sixteenths] = shards;
  for (const { objects, mean } of shards) assert.ok(Math.abs(objects * mean - (all?.mean ?? 0)) < 1);
  assert.ok((halves?.largest ?? 0) < (all?.largest ?? 0) && (sixteenths?.largest ?? 0) < (halves?.largest ?? 0));
  const receipts = receiptSpread(assumed);
  assert.equal(receipts.objects, 4_096);
  assert.ok(Math.abs(receipts.objects * receipts.mean - assumed.listings * assumed.payments_per_listing) < 1e-6);
  const listings = reputationSpread(assumed);
  assert.ok(listings.largest > 100 * listings.mean, "ratings are as uneven as in a market");
  assert.equal(listings.full, 0);
});

test("the inputs of as many ratings as a listing keeps fit into rows, and are served in order", () => {
  const sql = openSqlite(":memory:");
  createRolledTable(sql);
  const event_ids = Array.from({ length: LIMITS.reputation_inputs }, (_, index) => publicKeyAt(index)).sort();
  keepRolled(sql, ["f".repeat(64)]);
  keepRolled(sql, event_ids);
  const largest = one<{ bytes: number }>(sql, "SELECT max(length(event_ids)) AS bytes FROM rep_rolled")?.bytes ?? 0;
  assert.ok(largest > 0 && largest < OBJECT_ROW_BYTES, `${largest}`);
  const read: string[] = [];
  for (let after: string | null = ""; after !== null; ) {
    const page = rolledAfter(sql, after);
    assert.ok(page.event_ids.length <= LIMITS.reputation_page);
    read.push(...page.event_ids);
    after = page.next_after;
  }
  assert.deepEqual(read, event_ids);
  const within = rolledAfter(sql, event_ids[10] ?? "");
  assert.deepEqual(within.event_ids, event_ids.slice(11, 11 + LIMITS.reputation_page));
  sql.close();
});

test("what a thing costs the other objects is measured with their own code", () => {
  for (const { bytes, per_s } of [relayCost(50), claimCost(50), inputCost(50)]) {
    assert.ok(bytes > 500 && bytes < 20_000 && per_s > 0, `${bytes}`);
  }
});
