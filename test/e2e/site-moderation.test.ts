/** What curators said is on the built pages, read from their signed events; what they took down is on none. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationDecision, ModerationRoles, UpgradeManifest } from "@oa/shared/generated/types.ts";
import { toEvent as decisionEvent } from "@oa/shared/nostr/01985-moderation.ts";
import { toEvent as peopleEvent } from "@oa/shared/nostr/30000-people.ts";
import { toEvent as manifestEvent } from "@oa/shared/nostr/30051-manifest.ts";
import { toEvent as curatedEvent } from "@oa/shared/nostr/30267-curated.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import type { EventTemplate } from "@oa/shared/nostr/template.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import { openEdgeClient, openEdgeEgress } from "@oa/worker/adapters/edge-client.ts";
import { loadOrCreateKey } from "@oa/worker/adapters/keys.ts";
import { buildSite, type SiteBuild } from "@oa/worker/adapters/site-build.ts";
import { publishSite } from "@oa/worker/adapters/site-publish.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import puppeteer from "puppeteer-core";
import { type Client, connect, eventually, NOW, openTestEdge, ROOT, signed, type TestEdge } from "../edge/fixture.ts";
import { needs } from "../needs.ts";
import { textOf, until } from "./site-world.ts";

const [operator, mo, author] = [0, 0, 0].map(() => generateSecretKey()) as [Uint8Array, Uint8Array, Uint8Array];
const folder = mkdtempSync(join(tmpdir(), "oa-site-moderation-"));
const target = join(folder, "site");
let host: TestEdge;
let client: Client;
let example: UpgradeManifest;

const sign = (template: EventTemplate, by: Uint8Array): NostrEvent =>
  signed(by, { ...template, tags: template.tags.map((tag) => [...tag]) });
const publish = async (event: NostrEvent): Promise<void> => {
  assert.deepEqual(await client.publish(event), ["OK", event.id, true, ""]);
};
async function list(id: string): Promise<string> {
  const npub = hexToNpub(getPublicKey(author));
  await publish(
    sign(manifestEvent({ ...example, id, title: id, author: { name: "Ada", npub } }, { created_at: NOW }), author),
  );
  return `30051:${getPublicKey(author)}:${id}`;
}
const say = async (address: string, change: Partial<ModerationDecision>): Promise<NostrEvent> => {
  const event = sign(
    decisionEvent(
      {
        ...{ action: "take_down", target: { kind: "listing", value: address }, reason: "malware", status: null },
        ...{ blast_radius: null, evidence_sha256: "ab".repeat(32), expires_at: NOW + 86_400, answers: null },
        ...{ appeal: "possible", note: "<b>See</b> the trace." },
        ...change,
      },
      { created_at: NOW },
    ),
    mo,
  );
  await publish(event);
  return event;
};
const statusOf = async (address: string): Promise<number> =>
  (await fetch(`${host.edge().url}/v1/listings/${address}`)).status;
const page = (path: string): string => readFileSync(join(target, path, "index.html"), "utf8");

async function build(): Promise<SiteBuild> {
  const { url } = host.edge();
  const built = await buildSite({
    ...{ root: ROOT, target, site_url: "https://mirror.example", edge: openEdgeClient(url, openEdgeEgress(url)) },
    ...{ schnorr: pureSchnorr, key: await loadOrCreateKey(folder, "worker"), now_ms: Date.now() },
    signal: AbortSignal.timeout(240_000),
  });
  assert.ok(!isRejection(built), JSON.stringify(built));
  return built;
}

before(async () => {
  example = JSON.parse(await readFile(join(ROOT, "schemas/examples/upgrades/nightly-index.json"), "utf8"));
  const { public_key } = await loadOrCreateKey(folder, "worker");
  host = await openTestEdge({ OPERATOR: getPublicKey(operator), SITE_PUBLISHERS: public_key });
  client = await connect(host.edge().relay_url);
  const people = [{ pubkey: getPublicKey(mo), name: "Mo", roles: ["label", "take_down", "feature"] as const }];
  await publish(sign(peopleEvent({ list: "curators", people }, { created_at: NOW }), operator));
  await eventually(async () => {
    const roles = (await (await fetch(`${host.edge().url}/v1/moderation/roles`)).json()) as ModerationRoles;
    return roles.curators.length === 1;
  });
});
after(async () => {
  await client.close();
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

test("labels, lists and the ledger are on the pages, and what was taken down is not", {
  timeout: 300_000,
}, async () => {
  const [good, warned, bad] = [await list("me.good"), await list("me.warned"), await list("me.bad")];
  const best = { name: "top", title: "Top of the week", description: "", listings: [good, bad] };
  const curated = sign(curatedEvent(best, { created_at: NOW }), mo);
  await publish(curated);
  await say(warned, {
    action: "label",
    reason: "disputed",
    status: "risky",
    blast_radius: "money",
    evidence_sha256: null,
  });
  const down = await say(bad, {});
  await eventually(async () => (await statusOf(bad)) === 410);
  assert.equal((await build()).built, true);

  const at = `upgrades/${getPublicKey(author)}`;
  assert.equal(existsSync(join(target, at, "me.bad")), false);
  assert.match(page(`${at}/me.warned`), /<strong>risky<\/strong>[\s\S]*money it may spend/);
  assert.match(page(`${at}/me.good`), /no curator of this catalog has said anything[\s\S]*oa report 30051:/);
  const ledger = page("ledger");
  assert.match(ledger, /It was taken down: it harms the machine it runs on \(malware\)/);
  assert.ok(ledger.includes(down.id) && ledger.includes(bad) && ledger.includes(hexToNpub(getPublicKey(mo))));
  assert.ok(!ledger.includes("<b>See</b>"), "nothing said is markup");
  const top = page(`lists/${getPublicKey(mo)}/top`);
  assert.match(top, /Top of the week/);
  assert.ok(top.includes(`/${at}/me.good/`) && !top.includes("me.bad/"));
  for (const [html, event] of [
    [top, curated],
    [ledger, down],
  ] as const) {
    const [, link = ""] =
      new RegExp(`download="${event.id}.json" href="data:application/json,([^"]+)"`).exec(html) ?? [];
    assert.deepEqual(JSON.parse(decodeURIComponent(link)), event);
  }
  assert.match(page("lists"), /Top of the week/);
  assert.match(top, /Not shown[\s\S]*me\.bad<\/code> was taken down: it harms the machine it runs on \(malware\)/);
  assert.match(page(`${at}/me.good`), /href="\/install\/#\/report\/30051%3A[0-9a-f]{64}%3Ame\.good">Report it</);
  const badge = /<span class="bad" title="It is labelled risky: it works as it says, and that can do harm, which could/;
  for (const list of [".", "browse", "browse/top", "search", "categories/search", "tags/cron", `${at}/me.warned`]) {
    assert.match(page(list), badge, list);
    assert.ok(page(list).includes(">risky: disputed</span>"), list);
  }
  const { rows } = JSON.parse(readFileSync(join(target, "search", "index-0.json"), "utf8")) as {
    readonly rows: readonly { readonly title: string; readonly badges?: readonly { readonly text: string }[] }[];
  };
  assert.deepEqual(
    rows.map(({ title, badges = [] }) => [title, badges.map(({ text }) => text)]),
    [
      ["me.good", []],
      ["me.warned", ["risky: disputed"]],
    ],
  );
  const events = readFileSync(join(target, "snapshot", "events.ndjson"), "utf8");
  assert.ok(events.includes(down.id), "anyone can check and serve the decisions again");
  assert.equal((await build()).built, false, "nothing moved");
});

test("what was taken down says why in its place, in the site's own dress and without scripts", async () => {
  const { url } = host.edge();
  const published = await publishSite({
    ...{ folder: target, edge_url: url, egress: openEdgeEgress(url), key: await loadOrCreateKey(folder, "worker") },
    ...{ of: await build(), now_ms: Date.now, signal: AbortSignal.timeout(60_000) },
  });
  assert.ok(!isRejection(published), JSON.stringify(published));
  const gone = await fetch(`${url}/upgrades/${getPublicKey(author)}/me.bad/`);
  const text = await gone.text();
  assert.equal(gone.status, 410);
  assert.match(text, /<title>This upgrade was taken down · Agent Upgrades<\/title>/);
  assert.match(text, /<link rel="stylesheet" href="\/_astro\/[^"]*\.css">[\s\S]*<h1>This upgrade was taken down<\/h1>/);
  assert.match(
    text,
    /It was taken down: it harms the machine it runs on \(malware\).*&lt;b&gt;See&lt;\/b&gt; the trace/,
  );
  assert.match(text, /<meta name="robots" content="noindex">/);
  assert.match(text, /You may appeal once: <code>oa moderate appeal [0-9a-f]{64}<\/code>/);
  assert.match(text, /<a href="\/ledger\/#whose">choose whose decisions apply to you<\/a>/);
  assert.doesNotMatch(text, /<script|There is no such page/);
  assert.match(gone.headers.get("content-security-policy") ?? "", /default-src 'none'.*frame-ancestors 'none'/);
  assert.equal(gone.headers.get("cache-control"), "no-store");
});

test("who chose other moderators reads it in the coordinator, and is told who hides it", {
  skip: needs("chromium"),
  timeout: 120_000,
}, async () => {
  const { url } = host.edge();
  const bad = `30051:${getPublicKey(author)}:me.bad`;
  const gone = await (await fetch(`${url}/upgrades/${getPublicKey(author)}/me.bad/`)).text();
  const [, way = ""] = /href="(\/install\/#\/listing\/[^"]*)"/.exec(gone) ?? [];
  assert.equal(decodeURIComponent(way), `/install/#/listing/${bad}`);
  const browser = await puppeteer.launch({
    executablePath: process.env.OA_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  try {
    /** `events`: what the catalog gives in place of its moderators' signed events. */
    const screen = async (
      path: string,
      chosen: readonly string[] | null,
      events?: (page: { readonly events: readonly NostrEvent[] }) => readonly NostrEvent[],
    ): Promise<string> => {
      const visitor = await browser.createBrowserContext();
      const page = await visitor.newPage();
      if (events !== undefined) {
        await page.setRequestInterception(true);
        page.on("request", (request) => {
          if (!request.url().includes("/v1/moderation/events")) return void request.continue();
          return void fetch(request.url())
            .then((answer) => answer.json() as Promise<{ readonly events: readonly NostrEvent[] }>)
            .then((body) => request.respond({ body: JSON.stringify({ ...body, events: events(body) }) }));
        });
      }
      const kept = `localStorage.setItem("oa.moderators", '${JSON.stringify(chosen)}')`;
      if (chosen !== null) await page.evaluateOnNewDocument(kept);
      await page.goto(`${url}${path}`, { waitUntil: "load" });
      await until(
        page,
        "/cannot be installed|taken down|catalog hides it|class=.listings/.test(document.querySelector('#screen').innerHTML)",
      );
      const text = await textOf(page, "#screen");
      await visitor.close();
      return text;
    };
    const npub = hexToNpub(getPublicKey(mo));
    const down = "Taken down ?It was taken down: it harms the machine it runs on";
    const checked = `${npub} ?Signed decision ?[0-9a-f]{64} ?Its signature was checked in this browser`;
    assert.match(await screen(way, null), new RegExp(`^${down}.*by ?Mo, who moderates this catalog ${checked}`));
    const followed = new RegExp(`^${down}.*${npub.slice(0, 12)}…, whom you follow ${checked}`);
    assert.match(await screen(way, [getPublicKey(mo)]), followed);
    const shown = await screen(way, [getPublicKey(author)]);
    assert.match(
      shown,
      /^The catalog’s own moderators hide it; you do not follow them, so it is shown\. It was taken down: .*malware.*Signed decision [0-9a-f]{64} by Mo, checked in this browser\./,
    );
    const forged = await screen(way, null, ({ events }) =>
      events.map((event) => (event.kind === 1985 ? { ...event, content: "Worse than it is." } : event)),
    );
    assert.match(forged, /^This catalog hides it ?The catalog says: .*was taken down.*the catalog’s word alone/);
    assert.doesNotMatch(forged, /checked in this browser\.? ?Find/);
    const others = await screen(way, null, ({ events }) => events.filter(({ kind }) => kind !== 30_000));
    assert.match(others, /the catalog’s word alone/, "nobody says that its signer moderates here");
    const unheard = await screen(way, [getPublicKey(author)], () => []);
    assert.match(unheard, /^A catalog hides it\. It says: .*malware.*the catalog’s word alone/);
    assert.match(shown, /This listing cannot be installed.*release/, "it is looked at: it has no release");
    assert.match(await screen("/install/", null), /me\.good.*by the catalog’s own moderators apply/);
    assert.doesNotMatch(await screen("/install/", null), /me\.bad/);
    assert.match(await screen("/install/", []), /me\.bad.*Nobody’s decisions apply here, as you chose\./);
  } finally {
    await browser.close();
  }
});

test("a decision that ends by itself brings the listing back with the next build", { timeout: 300_000 }, async () => {
  const address = await list("me.held");
  const expires_at = Math.floor(Date.now() / 1000) + 3;
  await say(address, { expires_at });
  await eventually(async () => (await statusOf(address)) === 410);
  await eventually(async () => (await statusOf(address)) === 200);
  assert.equal((await build()).built, true);
  assert.match(page(`upgrades/${getPublicKey(author)}/me.held`), /me\.held/);
  assert.match(page("ledger"), /It has ended/);
});
