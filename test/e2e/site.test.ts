import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { CatalogDetail, SnapshotPage, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { toEvent as manifestEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { fromEvent as snapshotFrom, snapshotRoot } from "@oa/shared/nostr/30078-snapshot.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { type NostrEvent, verifyEvent } from "@oa/shared/nostr/verify.ts";
import { type EdgeClient, openEdgeClient, openEdgeEgress } from "@oa/worker/adapters/edge-client.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import { buildSite } from "@oa/worker/adapters/site-build.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import sharp from "sharp";
import { rank } from "../../site/src/browser/rank.ts";
import type { Said } from "../../site/src/browser/said.ts";
import { faultsOf, reputationFaultsOf } from "../../site/src/browser/verify.ts";
import { connect, eventually, NOW, openTestEdge, ROOT, signed, type TestEdge } from "../edge/fixture.ts";
import { fakeCatalog } from "../fakes/catalog.ts";
import { type Raters, rated } from "../fakes/roll-up.ts";

const LISTINGS = 3;
const author = generateSecretKey();
const builder = generateSecretKey();
const folder = mkdtempSync(join(tmpdir(), "oa-site-"));
const target = join(folder, "site");
const HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(1)> & "quoted"';
const events: NostrEvent[] = [];
let host: TestEdge;
let edge: EdgeClient;

before(async () => {
  host = await openTestEdge();
  edge = openEdgeClient(host.edge().url, openEdgeEgress(host.edge().url));
  for (let index = 0; index < LISTINGS; index += 1) await publish(index, index === 1 ? HOSTILE : `Upgrade ${index}`);
});
after(async () => {
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

async function publish(index: number, title: string): Promise<void> {
  const example = JSON.parse(
    await readFile(join(ROOT, "schemas/examples/upgrades/nightly-index.json"), "utf8"),
  ) as UpgradeManifest;
  const npub = hexToNpub(getPublicKey(author));
  const manifest = { ...example, id: `example.upgrade-${index}`, title, author: { name: "Ada", npub } };
  const { tags, ...rest } = manifestEvent(manifest, { created_at: NOW + index });
  const event = signed(author, { ...rest, tags: tags.map((tag) => [...tag]) });
  const client = await connect(host.edge().relay_url);
  assert.deepEqual(await client.publish(event), ["OK", event.id, true, ""]);
  await client.close();
  events.push(event);
  await eventually(
    async () => !isRejection(await edge.get(`/v1/listings/30051:${event.pubkey}:${manifest.id}`, never())),
  );
}

/** The edge, as it would answer with other listings and a version of its own. */
function changed(change: (detail: CatalogDetail) => CatalogDetail, version = 999): EdgeClient {
  return {
    ...edge,
    get: async <T extends object>(path: string, signal: AbortSignal) => {
      const answer = await edge.get<T>(path, signal);
      if (isRejection(answer) || !("details" in answer)) return answer;
      const snapshot = answer as unknown as SnapshotPage;
      return { ...snapshot, version, details: snapshot.details.map(change) } as unknown as T;
    },
  };
}

const never = (): AbortSignal => new AbortController().signal;
const build = async (from: EdgeClient = edge) =>
  buildSite({
    ...{ root: ROOT, target, site_url: "https://mirror.example", edge: from, now_ms: NOW * 1000, signal: never() },
    schnorr: await loadSchnorr(),
    key: { secret_key: builder, public_key: getPublicKey(builder) },
  });
const page = (path: string): string => readFileSync(join(target, path), "utf8");
const pathOf = (event: NostrEvent): string =>
  `upgrades/${event.pubkey}/${event.tags.find(([name]) => name === "d")?.[1]}/`;

test("the site has a page for every listing, which the sitemap, the feeds and the index name", async () => {
  const site = await build();
  assert.ok(!isRejection(site));
  assert.deepEqual({ built: site.built, listings: site.listings }, { built: true, listings: LISTINGS });
  const [sitemap, feed] = [page("sitemap-0.xml"), page("atom.xml")];
  const index = JSON.parse(page("search/index-0.json")) as Parameters<typeof indexRows>[0];
  for (const event of events) {
    assert.ok(existsSync(join(target, pathOf(event), "index.html")), pathOf(event));
    assert.ok(sitemap.includes(`<loc>https://mirror.example/${pathOf(event)}</loc>`));
    assert.ok(feed.includes(`<id>nostr:${event.id}</id>`));
    assert.ok(indexRows(index).some(({ path }) => path === `/${pathOf(event)}`));
  }
  for (const path of [
    "atom.xml",
    `authors/${hexToNpub(getPublicKey(author))}/atom.xml`,
    "categories/search/atom.xml",
  ]) {
    assert.ok(!page(path).includes("<script"), `${path} has no markup of an author's`);
  }
  assert.match(page("robots.txt"), /^Sitemap: https:\/\/mirror\.example\/sitemap\.xml$/m);
});
const indexRows = (index: { readonly rows: readonly { readonly path: string }[] }) => index.rows;

test("every listing's page carries its signed event, and the check in the browser finds nothing wrong", () => {
  for (const event of events) {
    const { embedded, shown } = read(page(`${pathOf(event)}index.html`));
    assert.deepEqual(embedded, event);
    assert.deepEqual(faultsOf(embedded, shown), []);
  }
});

test("the check finds a forged event, and whatever a page says other than its author, leaves out or puts in", () => {
  const { embedded, shown } = read(page(`${pathOf(events[0] as NostrEvent)}index.html`));
  const event = embedded as NostrEvent;
  assert.match(faultsOf({ ...event, content: "{}" }, shown)[0] ?? "", /does not verify/);
  assert.match(faultsOf({ ...event, sig: "0".repeat(128) }, shown)[0] ?? "", /does not verify/);
  const tampered: readonly [object, RegExp][] = [
    [{ version: ["9.9.9"] }, /shows "9\.9\.9" as its version where the author signed "0\.2\.0"/],
    [{ price: ["5 sats a run"] }, /as its price where the author signed "free"/],
    [{ permissions: shown.permissions?.slice(1) }, /permissions/],
    [{ permissions: [] }, /shows nothing as its permissions/],
    [{ declares: shown.declares?.slice(1) }, /declares/],
    [{ steps: shown.steps?.toReversed() }, /steps/],
    [{ choices: [...(shown.choices ?? []), "password: yours"] }, /where the author signed nothing/],
    [{ author: [hexToNpub("ab".repeat(32))] }, /author/],
    [{ schedule: ["every minute"] }, /schedule/],
  ];
  for (const [change, fault] of tampered) {
    const faults = faultsOf(event, { ...shown, ...change });
    assert.equal(faults.length, 1, JSON.stringify(change));
    assert.match(faults[0] ?? "", fault);
  }
});

test("what an author writes stays text in every page", () => {
  // Within a quoted attribute a "<" is text.
  const markup = (path: string): string => page(path).replace(/="[^"]*"/g, '=""');
  const pages = ["index.html", "browse/index.html", "categories/search/index.html", "search/index.html"];
  for (const path of [...pages, `${pathOf(events[1] as NostrEvent)}index.html`]) {
    assert.doesNotMatch(markup(path), /<img src=x|<script>alert/, path);
  }
});

test("every listing has a picture of its own, whatever its author calls it, and pages name it", async () => {
  for (const event of events) {
    const html = page(`${pathOf(event)}index.html`);
    assert.ok(html.includes(`<meta property="og:image" content="https://mirror.example/og/${event.id}.png">`));
    const { format, width, height } = await sharp(join(target, "og", `${event.id}.png`)).metadata();
    assert.deepEqual({ format, width, height }, { format: "png", width: 1_200, height: 630 });
  }
  assert.ok(page("index.html").includes("https://mirror.example/og/site.png"));
  assert.ok(existsSync(join(target, "og", "site.png")));
});

test("a score changes a page though no event of the catalog came", async () => {
  const html = (): string => page(`${pathOf(events[0] as NostrEvent)}index.html`);
  assert.ok(!html().includes("aggregateRating") && html().includes("Nobody has rated it yet."));
  const given: Raters = {
    ...{ stars_milli: 4_200, low_milli: 3_900, high_milli: 4_500, raters: 12, unknown: 3, installs: 20 },
    ...{ licences: 5, trend_7_milli: 0, trend_30_milli: 250, trend_90_milli: -30, badges: ["well_rated"], as_of: NOW },
  };
  const site = await build(changed((detail) => rated(detail, given)));
  assert.ok(!isRejection(site) && site.built);
  assert.match(html(), /"aggregateRating":\{"@type":"AggregateRating","ratingValue":"4.20","ratingCount":12/);
  assert.match(html(), /by 12 raters with proof of use\. With 95% confidence it is between 3\.9 and 4\.5\./);
  assert.match(html(), /unchanged in 7 days, ▲ up 0\.25 stars in 30 days, ▼ down 0\.03 stars in 90 days/);
  assert.match(html(), /3 ratings by unknown keys, shown apart: they are not in the score/);
  checkSignedReputation(html());
  const uncounted: Raters = { ...given, raters: 0, trend_30_milli: null };
  await build(changed((detail) => rated(detail, uncounted), 1_000));
  assert.ok(!html().includes("aggregateRating") && html().includes("No rating counts yet."));
  checkSignedReputation(html());
  await build();
});

/** The snapshot has the roll-up among its events, the page shows it, and the check finds whatever differs from it. */
function checkSignedReputation(html: string): void {
  const rollup = JSON.parse(textOf(/<code id="rollup">([\s\S]*?)<\/code>/.exec(html)?.[1] ?? "")) as NostrEvent;
  const shown = marked(html, "data-rated");
  const listing = rollup.tags.find(([name]) => name === "d")?.[1] ?? "";
  assert.ok(mirrored().some(({ id }) => id === rollup.id));
  assert.deepEqual(reputationFaultsOf(rollup, listing, shown), []);
  const bad: readonly [unknown, string, object, RegExp][] = [
    [{ ...rollup, content: rollup.content.replace("4200", "4900") }, listing, shown, /does not verify/],
    [rollup, listing.replace(/.$/, "9"), shown, /another listing/],
    [rollup, listing, { ...shown, score: ["5.0 of 5 stars"] }, /shows "5\.0 of 5 stars" as its score/],
    [rollup, listing, { ...shown, unproven: [] }, /shows nothing as its unproven/],
    [rollup, listing, { ...shown, badges: [...(shown.badges ?? []), "rising"] }, /"rising" as its badges/],
  ];
  for (const [event, address, texts, fault] of bad) {
    assert.match(reputationFaultsOf(event, address, texts as typeof shown)[0] ?? "", fault);
  }
}

test("a reputation that no indexer signed about this listing is not mirrored", async () => {
  const given: Raters = {
    ...{ stars_milli: 4_200, low_milli: 3_900, high_milli: 4_500, raters: 12, unknown: 3, installs: 20 },
    ...{ licences: 5, trend_30_milli: 250, badges: [], as_of: NOW },
  };
  const other = (detail: CatalogDetail): CatalogDetail => {
    const { reputation_event } = rated(
      { ...detail, listing: { ...detail.listing, address: `${detail.listing.address}x` } },
      given,
    );
    const { listing } = rated(detail, given);
    return reputation_event === undefined ? detail : { ...detail, listing, reputation_event };
  };
  const forged = (detail: CatalogDetail): CatalogDetail => {
    const { listing, reputation_event } = rated(detail, given);
    if (listing.reputation === undefined || reputation_event === undefined) throw new Error("it is rated");
    return { ...detail, listing: { ...listing, reputation: { ...listing.reputation, raters: 13 } }, reputation_event };
  };
  const unsigned = (detail: CatalogDetail): CatalogDetail => ({ ...detail, listing: rated(detail, given).listing });
  const untold = (detail: CatalogDetail): CatalogDetail => {
    const { reputation_event } = rated(detail, given);
    return reputation_event === undefined ? detail : { ...detail, reputation_event };
  };
  for (const change of [other, forged, unsigned, untold]) {
    await assert.rejects(build(changed(change, 2_000)), (error) => {
      return (
        error instanceof Fault && error.code === "catalog_invalid" && /the reputation of 30051:/.test(error.message)
      );
    });
  }
});

test("a host that takes few files gets the pages and no picture but the site's own", async () => {
  const own = join(folder, "small");
  const options = {
    root: ROOT,
    target: own,
    site_url: "https://mirror.example",
    edge,
    now_ms: NOW * 1000,
    signal: never(),
  };
  const key = { secret_key: builder, public_key: getPublicKey(builder) };
  await buildSite({ ...options, schnorr: await loadSchnorr(), key, files_max: 100 });
  assert.deepEqual(readdirSync(join(own, "og")), ["site.png"]);
  const html = readFileSync(join(own, pathOf(events[0] as NostrEvent), "index.html"), "utf8");
  assert.ok(html.includes('content="https://mirror.example/og/site.png"'));
});

test("two builds at once do not mix their catalogs", async () => {
  const key = { secret_key: builder, public_key: getPublicKey(builder) };
  const schnorr = await loadSchnorr();
  const build = (name: string, listings: number) =>
    buildSite({
      ...{ root: ROOT, target: join(folder, name), site_url: "https://mirror.example", edge: fakeCatalog(listings) },
      ...{ schnorr, key, now_ms: NOW * 1000, files_max: 100, signal: never() },
    });
  await Promise.all([build("two", 2), build("five", 5)]);
  const rows = (name: string) =>
    (JSON.parse(readFileSync(join(folder, name, "search", "index-0.json"), "utf8")) as { rows: unknown[] }).rows.length;
  assert.deepEqual([rows("two"), rows("five")], [2, 5]);
});

test("a machine that stopped between the two names of a site has the old one again with the next build", async () => {
  const before = page("index.html");
  renameSync(target, `${target}.old`);
  const same = await build();
  assert.ok(!isRejection(same) && !same.built);
  assert.equal(page("index.html"), before);
});

test("the snapshot's signed head is the Merkle root of the events beside it", async () => {
  const head = verifyEvent(JSON.parse(page("snapshot/head.json")), await loadSchnorr());
  assert.ok(!isRejection(head));
  const snapshot = snapshotFrom(head);
  assert.ok(!isRejection(snapshot));
  const ids = mirrored().map(({ id }) => id);
  assert.deepEqual(ids, events.map(({ id }) => id).sort());
  assert.deepEqual({ root: snapshotRoot(ids), events: ids.length }, { root: snapshot.root, events: snapshot.events });
  assert.equal(snapshot.builder, getPublicKey(builder));
  const at = new Date(snapshot.created_at * 1_000).toISOString().slice(0, 16).replace("T", " ");
  const fresh = `As of ${at} UTC: ${LISTINGS} listings, snapshot ${snapshot.root.slice(0, 16)}…`;
  assert.ok(page("snapshot/fresh.css").includes(fresh), page("snapshot/fresh.css"));
});

/** The events that the site offers to whoever serves it again. */
function mirrored(): readonly NostrEvent[] {
  const parts = JSON.parse(page("snapshot/parts.json")) as readonly string[];
  return parts.flatMap((part) =>
    page(`snapshot/${part}`)
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as NostrEvent),
  );
}

test("nothing is built while the catalog has not moved, and a change of it makes a new site", async () => {
  const same = await build();
  assert.ok(!isRejection(same) && !same.built);
  const others = [`${pathOf(events[0] as NostrEvent)}index.html`, "docs/index.html", "404.html", "ledger/index.html"];
  const before = others.map(page);
  await publish(LISTINGS, "One more");
  const moved = await build();
  assert.ok(!isRejection(moved) && moved.built && moved.root !== same.root);
  assert.deepEqual(others.map(page), before, "what shows nothing of it is the same to the byte, and not sent again");
  assert.ok(existsSync(join(target, pathOf(events[LISTINGS] as NostrEvent), "index.html")));
});

test("a catalog that forges a listing, and an edge that does not answer, leave the site that is there", async () => {
  const before = page("index.html");
  const forged = [
    changed((detail) => ({
      ...detail,
      event: { ...detail.event, content: detail.event.content.replace("0.2.0", "6.6.6") },
    })),
    changed((detail) => ({ ...detail, listing: { ...detail.listing, address: `30051:${"0".repeat(64)}:evil` } })),
    changed((detail) => ({ ...detail, event: events.find(({ id }) => id !== detail.event.id) as never })),
  ];
  for (const from of forged) {
    await assert.rejects(build(from), (error: unknown) => error instanceof Fault && error.code === "catalog_invalid");
  }
  const away: EdgeClient = { ...edge, get: () => Promise.reject(new Fault("unreachable", "the edge is away")) };
  await assert.rejects(build(away), (error: unknown) => error instanceof Fault && error.code === "unreachable");
  assert.equal(page("index.html"), before);
});

test("a build that fails leaves the site that is there and nothing half-written", async () => {
  const before = page("index.html");
  await publish(LISTINGS + 1, "Another");
  const stop = new AbortController();
  const stopped = buildSite({
    ...{ root: ROOT, target, site_url: "https://mirror.example", edge, now_ms: NOW * 1000, signal: stop.signal },
    schnorr: await loadSchnorr(),
    key: { secret_key: builder, public_key: getPublicKey(builder) },
  });
  setTimeout(() => stop.abort(new Fault("canceled", "stopped by the test")), 1_500);
  await assert.rejects(stopped, Fault);
  assert.equal(page("index.html"), before);
  assert.ok(!existsSync(`${target}.${process.pid}`) && !existsSync(`${target}.${process.pid}.snapshot`));
});

test("search finds listings that have every word, those named so first, whatever the accents and the case", () => {
  const row = (
    title: string,
    summary: string,
    price_sats = 0,
    low_milli = 0,
    backends: readonly string[] = ["ollama"],
  ) => ({
    ...{ path: `/${title}/`, title, summary, author: "Ada", categories: ["Tools"], tags: ["cron"], backends },
    ...{ price: "", price_sats, version: "1.0.0", rating: { stars_milli: low_milli, low_milli, raters: 3 } },
  });
  const rows = [
    row("Resume maker", "writes", 9, 2_000),
    row("Writer", "makes a résumé", 2, 4_000),
    row("Paid writer", "writes", 5, 3_000, ["mlx"]),
  ];
  const none = { text: "", price: "", backend: "", category: "", sort: "" };
  const titles = (asked: Partial<typeof none>) => rank(rows, { ...none, ...asked }).map(({ title }) => title);
  assert.deepEqual(titles({ text: "RÉSUMÉ" }), ["Resume maker", "Writer"]);
  assert.deepEqual(titles({ text: "writes resume" }), ["Resume maker"]);
  assert.deepEqual(titles({ text: "writ", price: "paid", backend: "mlx" }), ["Paid writer"]);
  assert.deepEqual(titles({ text: "cron", category: "tools", sort: "price" }), [
    "Writer",
    "Paid writer",
    "Resume maker",
  ]);
  assert.deepEqual(titles({ sort: "rating" }), ["Writer", "Paid writer", "Resume maker"]);
  assert.deepEqual(titles({ sort: "newest", text: "writ" }), ["Resume maker", "Writer", "Paid writer"]);
  assert.deepEqual(titles({ category: "games" }), []);
  assert.deepEqual(titles({ text: "(.*+?" }), []);
});

/** What the browser's check would be given, read from the page as text. */
function read(html: string) {
  const embedded: unknown = JSON.parse(textOf(/<code id="event">(.*?)<\/code>/s.exec(html)?.[1] ?? ""));
  const shown: { readonly [Name in keyof Said]?: readonly string[] } = marked(html, "data-said");
  assert.ok(Object.keys(shown).length >= 9, "the page marks what it says of the event");
  return { embedded, shown };
}

function marked(html: string, attribute: string): Readonly<Record<string, readonly string[]>> {
  const shown: Record<string, readonly string[]> = {};
  for (const [, , name = "", inner = ""] of html.matchAll(
    new RegExp(`<(\\w+)[^>]* ${attribute}="(\\w+)"[^>]*>(.*?)</\\1>`, "gs"),
  )) {
    shown[name] = [...(shown[name] ?? []), textOf(inner)];
  }
  return shown;
}

function textOf(markup: string): string {
  return markup
    .replace(/<[^>]*>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#34;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
}
