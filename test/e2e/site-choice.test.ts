/** A reader of the mirror chooses whose decisions apply: in a real browser, under the edge's policy, asking nobody else. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { toEvent as decisionEvent } from "@oa/shared/nostr/01985-moderation.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import type { NostrEvent } from "@oa/shared/nostr/verify.ts";
import axe from "axe-core";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import type { Page } from "puppeteer-core";
import { connect, eventually, signed } from "../edge/fixture.ts";
import { fakeCatalog } from "../fakes/catalog.ts";
import { CURATOR_KEY, moderated, OPERATOR_KEY, WATCH_KEY } from "../fakes/moderation.ts";
import { needs } from "../needs.ts";
import { BUILT_AT, openSiteWorld, type SiteWorld, textOf, until } from "./site-world.ts";

const LISTINGS = 70;
const skip = needs("chromium");
let world: SiteWorld;
/** Listings by what is said of them: see `moderated`. */
let labelled: string;
let held: string;
let down: string;

before(async () => {
  if (skip !== false) return;
  world = await openSiteWorld(moderated(fakeCatalog(LISTINGS)));
  const targets = (key: string): readonly string[] => {
    const { events } = JSON.parse(readFileSync(join(world.target, "moderation", `${key}.json`), "utf8")) as {
      readonly events: readonly NostrEvent[];
    };
    return events.flatMap(({ tags }) => tags.flatMap(([name, value]) => (name === "a" && value ? [value] : [])));
  };
  const pathOf = (address = ""): string => `/upgrades/${address.split(":").slice(1).join("/")}/`;
  const [second, eighth] = targets(WATCH_KEY);
  [labelled, held, down] = [pathOf(second), pathOf(eighth), pathOf(targets(CURATOR_KEY).at(-1))];
});
after(() => world?.close());

/** The browser's clock is when the pages are of, so that decisions stand that stood then. */
const clock = `Date.now = () => ${BUILT_AT * 1_000};`;
const choice = (keys: readonly string[] | null): string =>
  `${clock} ${keys === null ? "" : `if (localStorage.getItem("oa.moderators") === null) localStorage.setItem("oa.moderators", '${JSON.stringify(keys)}');`}`;

/** A page for a reader with this choice, once it has been applied. */
async function read(path: string, keys: readonly string[] | null, options: { readonly width?: number } = {}) {
  const opened = await world.open(path, { ...options, first: choice(keys) });
  if (keys !== null && (await opened.page.$(".whose")) !== null) {
    await until(opened.page, "/as you chose|could not be loaded/.test(document.querySelector('.whose').textContent)");
  }
  return opened;
}

const foreign = (asked: readonly string[]): readonly string[] =>
  asked.filter((url) => !url.startsWith(world.host.edge().url) && !url.startsWith("data:"));
async function violations(page: Page): Promise<unknown> {
  await page.evaluate(axe.source);
  await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');
  return page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then((result) =>
    result.violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 160)).join(" | ")))`);
}

describe("without a choice", { skip }, () => {
  test("every page says plainly whose decisions it shows, also without JavaScript, and nothing is loaded for it", async () => {
    for (const path of ["/", "/browse/", "/search/", labelled]) {
      const { page } = await world.open(path, { script: false });
      assert.match(await textOf(page, ".whose"), /^Decisions by this mirror’s own moderators apply here\./, path);
      await page.close();
    }
    const { page } = await world.open("/ledger/", { script: false });
    assert.match(await textOf(page, "#whose"), /Choosing here needs JavaScript.*own moderators decided/);
    assert.match(await textOf(page, "#whose"), /Mo ?curator of this mirror: hold, label.*Watch ?offered to readers/);
    assert.equal(
      await page.evaluate("[...document.querySelectorAll('#whose [name=key]')].every((one) => one.disabled)"),
      true,
    );
    await page.close();
    const plain = await world.open("/browse/");
    assert.deepEqual(
      plain.asked.filter((url) => /\/moderation\//.test(url)),
      [],
    );
    await plain.page.close();
  });

  test("what the mirror's moderators took down says so on a page that is there all the same", async () => {
    const { page } = await world.open(down, { script: false });
    assert.match(
      await textOf(page, ".notice.moderated"),
      /^Taken down by this mirror’s moderators\. They say: it was taken down/,
    );
    await page.close();
  });

  test("each moderator's decisions are a page of signed events, and the ledger stays the mirror's own", async () => {
    const { page } = await world.open(`/moderators/${hexToNpub(WATCH_KEY)}/`);
    assert.match(await textOf(page, ".lead"), /apply to readers who choose this moderator, and to nobody else/);
    assert.match(await textOf(page, ".ledger"), /held back: spam.*reviewed/i);
    await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
    await page.click("[data-signed] button.verify");
    await until(page, "/^[✓✗]/.test(document.querySelector('.verdict').textContent)");
    assert.match(await textOf(page, ".verdict"), /^✓/);
    await page.close();
    const ledger = readFileSync(join(world.target, "ledger/index.html"), "utf8");
    assert.ok(!ledger.includes(`data-moderator="${WATCH_KEY}"`));
  });
});

describe("choosing on the ledger", { skip }, () => {
  test("is by keyboard, kept in the browser, told to nobody, and undone", async () => {
    const { page, complaints, asked } = await world.open("/ledger/#whose", { first: clock });
    assert.equal(await page.evaluate("document.querySelector('details.whose-choice').open"), true);
    const boxes = (): Promise<unknown> =>
      page.evaluate(
        "[...document.querySelectorAll('#whose input[name=key]')].map(({ checked, disabled }) => [checked, disabled])",
      );
    assert.deepEqual(await boxes(), [
      [true, false],
      [true, true],
      [false, false],
    ]);
    const kept = (): Promise<unknown> => page.evaluate("localStorage.getItem('oa.moderators')");
    const says = async (pattern: string): Promise<void> =>
      until(page, `${pattern}.test(document.querySelector('.chosen').textContent)`);
    await page.focus(`#whose input[value="${WATCH_KEY}"]`);
    await page.keyboard.press("Space");
    await says("/Decisions by this mirror’s operator, Watch apply on every page/");
    assert.deepEqual(JSON.parse(String(await kept())), [OPERATOR_KEY, WATCH_KEY]);
    await page.focus(`#whose input[value="${OPERATOR_KEY}"]`);
    await page.keyboard.press("Space");
    await says("/Decisions by Watch apply/");
    assert.match(await textOf(page, ".ledger > li"), /You do not follow who decided this/);
    assert.deepEqual(await boxes(), [
      [false, false],
      [false, false],
      [true, false],
    ]);
    await page.click("#whose .own");
    await says("/^This mirror’s own moderators apply/");
    assert.equal(await kept(), null);
    assert.equal(await page.$(".ledger .not-followed"), null);
    await page.click(`#whose input[value="${OPERATOR_KEY}"]`);
    await says("/^Nobody’s decisions apply/");
    assert.equal(await kept(), "[]");
    assert.deepEqual(foreign(asked), []);
    assert.deepEqual(
      asked.filter((url) => url.includes(WATCH_KEY) && !url.endsWith(`/moderation/${WATCH_KEY}.json`)),
      [],
    );
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test("takes anybody by npub or hex, from what the edge knows of them, and refuses what is no key", async () => {
    const stranger = generateSecretKey();
    const client = await connect(world.host.edge().relay_url);
    const [, key, slug] = held.split("/").slice(1);
    const said = {
      ...({ action: "take_down", target: { kind: "listing", value: `30051:${key}:${slug}` } } as const),
      ...({ reason: "malware", status: null, blast_radius: null, evidence_sha256: "ab".repeat(32) } as const),
      ...({ expires_at: null, answers: null, appeal: "possible", note: "It mines." } as const),
    };
    const { tags, ...event } = decisionEvent(said, { created_at: Math.min(BUILT_AT, Math.floor(Date.now() / 1_000)) });
    await client.publish(signed(stranger, { ...event, tags: tags.map((tag) => [...tag]) }));
    const npub = hexToNpub(getPublicKey(stranger));
    await eventually(async () => {
      const asked = await fetch(`${world.host.edge().url}/v1/moderation/events?moderators=${npub}`);
      return ((await asked.json()) as { events: readonly unknown[] }).events.length === 1;
    });
    await client.close();
    const { page, complaints } = await world.open("/ledger/#whose", { first: clock });
    const says = async (pattern: string): Promise<void> =>
      until(page, `${pattern}.test(document.querySelector('.chosen').textContent)`);
    await page.focus("#other");
    // Another last character, whatever it is.
    await page.keyboard.type(`${npub.slice(0, -1)}${npub.endsWith("x") ? "y" : "x"}`);
    await page.keyboard.press("Enter");
    await says("/is no key: write an npub, or 64 hex digits/");
    await page.evaluate("document.querySelector('#other').value = ''");
    await page.focus("#other");
    await page.keyboard.type(npub);
    await page.keyboard.press("Enter");
    await says(`/Decisions by this mirror’s operator, ${npub.slice(0, 12)}… apply/`);
    const silent = "9".repeat(63).padStart(64, "1");
    await page.evaluate(
      `document.querySelector('#other').value = '${silent}'; document.querySelector('#whose').requestSubmit()`,
    );
    await says("/Nothing is known here of npub1/");
    assert.match(await textOf(page, "#whose ul"), new RegExp(`added by you.*${npub}`));
    assert.deepEqual(await violations(page), []);
    await page.goto(`${world.host.edge().url}${held}`, { waitUntil: "load" });
    await until(page, "document.querySelector('.notice.moderated') !== null");
    assert.match(
      await textOf(page, ".notice.moderated"),
      new RegExp(`^Taken down by ${npub.slice(0, 12)}…, whom you follow\\..*It mines`),
    );
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test("takes no more than apply at once", async () => {
    const keys = Array.from({ length: 10 }, () => getPublicKey(generateSecretKey()));
    const { page } = await read("/ledger/", keys);
    await page.evaluate("document.querySelector('details.whose-choice').open = true");
    await page.click(`#whose input[value="${WATCH_KEY}"]`);
    await until(page, "/^At most 10 moderators apply at once/.test(document.querySelector('.chosen').textContent)");
    assert.equal(await page.evaluate(`document.querySelector('#whose input[value="${WATCH_KEY}"]').checked`), false);
    assert.deepEqual(JSON.parse(String(await page.evaluate("localStorage.getItem('oa.moderators')"))), keys);
    await page.close();
  });
});

describe("a reader who follows another moderator", { skip }, () => {
  test("is told on a listing's page what that one holds back, checked in the browser, whoever shows it", async () => {
    const { page, complaints, asked } = await read(held, [WATCH_KEY]);
    assert.match(
      await textOf(page, ".notice.moderated"),
      /^Held back by Watch, whom you follow\. It is not shown while it is judged: .*spam.*Signed decision [0-9a-f]{64}, checked in this browser/,
    );
    assert.match(await textOf(page, ".whose"), /^Decisions by Watch apply here, as you chose\./);
    assert.equal(await page.$(".notice.moderated b, .notice.moderated img"), null, "nothing said is markup");
    assert.deepEqual([complaints, foreign(asked)], [[], []]);
    await page.close();
  });

  test("sees what the mirror's own moderators took down, and that they did", async () => {
    const { page } = await read(down, [WATCH_KEY]);
    assert.match(
      await textOf(page, ".notice.moderated"),
      /^Taken down by this mirror’s moderators; you do not follow them, so it is shown\. It was taken down/,
    );
    await page.close();
    const both = await read(down, [WATCH_KEY, OPERATOR_KEY]);
    assert.match(await textOf(both.page, ".notice.moderated"), /^Taken down by Mo, whom you follow\./);
    await both.page.close();
  });

  test("reads what that one says of a listing, and not what others say", async () => {
    const own = await read(labelled, null);
    assert.match(await textOf(own.page, ".said"), /risky/);
    await own.page.close();
    const { page } = await read(labelled, [WATCH_KEY]);
    assert.match(
      await textOf(page, ".said"),
      /^Whom you follow say: ?Status ?reviewed: a curator read it.*Watch npub1/,
    );
    assert.doesNotMatch(await textOf(page, ".said"), /risky/);
    assert.match(await textOf(page, "header .facts"), /^reviewed/);
    await page.click("#verify");
    await until(page, "/^[✓✗]/.test(document.querySelector('#verdict').textContent)");
    assert.match(await textOf(page, "#verdict"), /^✓/, "the author's part of the page is what it was");
    await page.close();
    const nobody = await read(labelled, []);
    assert.match(await textOf(nobody.page, ".said"), /^Nothing: nobody whom you follow/);
    assert.match(await textOf(nobody.page, ".whose"), /^Nobody’s decisions apply here, as you chose\./);
    await nobody.page.close();
  });

  test("finds by their choice: search leaves out what is held back, and lists say why", async () => {
    const title = async (path: string): Promise<string> => {
      const { page } = await world.open(path);
      const found = await textOf(page, "h1");
      await page.close();
      return found;
    };
    const words = encodeURIComponent(await title(held));
    const before = await read(`/search/?q=${words}`, null);
    assert.ok(await before.page.$(`#results a[href="${held}"]`));
    await before.page.close();
    const { page } = await read(`/search/?q=${words}`, [WATCH_KEY]);
    await until(page, "/ not shown, by whom you follow/.test(document.querySelector('#found').textContent)");
    assert.equal(await page.$(`#results a[href="${held}"]`), null);
    await page.close();
    const lists = await Promise.all(["/browse/", "/browse/2/"].map((path) => read(path, [WATCH_KEY])));
    const texts: string[] = [];
    for (const one of lists) {
      if ((await one.page.$(".hidden-by-choice")) !== null) texts.push(await textOf(one.page, ".hidden-by-choice"));
      assert.deepEqual(one.complaints, []);
      await one.page.close();
    }
    assert.equal(texts.length, 1);
    assert.match(texts[0] ?? "", /Held back by Watch, whom you follow\. It is not shown while it is judged/);
  });

  test("is not fooled by a mirror that changes what was signed, and hears when it cannot be had", async () => {
    const file = `/moderation/${WATCH_KEY}.json`;
    const text = readFileSync(join(world.target, file), "utf8");
    const serve = async (body: string | null): Promise<string> => {
      const page = (await world.open("/about/", { first: choice([WATCH_KEY]) })).page;
      await page.setRequestInterception(true);
      page.on("request", (request) => {
        if (!request.url().endsWith(file)) void request.continue();
        else if (body === null) void request.abort();
        else void request.respond({ status: 200, contentType: "application/json", body });
      });
      await page.goto(`${world.host.edge().url}${held}`, { waitUntil: "load" });
      await until(page, "/as you chose|could not be loaded/.test(document.querySelector('.whose').textContent)");
      const found = `${await textOf(page, ".whose")} ${await textOf(page, ".notice.moderated")}`;
      await page.close();
      return found;
    };
    assert.match(await serve(text), /Held back by Watch/);
    const forged = JSON.parse(text) as { readonly events: readonly NostrEvent[] };
    const worse = forged.events.map((event) => ({ ...event, content: "Worse than it is." }));
    assert.match(
      await serve(JSON.stringify({ events: worse })),
      /apply here, as you chose.*1 of what this mirror gave.*undefined$/,
    );
    assert.match(await serve(null), /could not be loaded: this is as the mirror itself has it.*undefined$/);
  });

  test("has pages that break no rule of accessibility, wide or narrow", async () => {
    for (const path of ["/browse/", "/search/", "/ledger/", held, down, labelled]) {
      const { page, complaints } = await read(path, [WATCH_KEY], { width: 390 });
      for (const width of [390, 1280]) {
        await page.setViewport({ width, height: 900 });
        assert.deepEqual(await violations(page), [], `${path}, ${width} wide`);
        const wide = Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth"));
        assert.ok(wide <= 0, `${path}, ${width} wide: it is ${wide} pixels wider than the window`);
      }
      assert.deepEqual(complaints, []);
      await page.close();
    }
  });
});
