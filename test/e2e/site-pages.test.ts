/** The built site as its visitors meet it: served by the edge, in a real browser. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import axe from "axe-core";
import { HtmlValidate } from "html-validate";
import { ARABIC, fakeCatalog } from "../fakes/catalog.ts";
import { CURATOR_KEY, moderated, WATCH_KEY } from "../fakes/moderation.ts";
import { needs } from "../needs.ts";
import { openSiteWorld, type SiteWorld, textOf, until } from "./site-world.ts";

const LISTINGS = 70;
/** HTML and style sheet of a page, compressed, as a visitor without JavaScript loads them. */
const PAGE_BYTES_MAX = 40_000;
let world: SiteWorld;
let target: string;
/** One of each kind. */
let pages: Readonly<Record<string, string>>;

const skip = needs("chromium");

before(async () => {
  if (skip !== false) return;
  world = await openSiteWorld(moderated(fakeCatalog(LISTINGS)));
  target = world.target;
  const { listing } = world;
  pages = {
    ...{ home: "/", browse: "/browse/", "browse, page 2": "/browse/2/", "best rated": "/browse/top/" },
    ...{ search: "/search/?q=index&sort=rating", category: "/categories/search/", tag: "/tags/cron/" },
    ...{ listing: listing("openagents.upgrade.nightly-index"), "listing of markup": listing("example.upgrade-3") },
    ...{ "listing with a long title": listing("example.upgrade-4"), author: `/authors/${first("authors")}/` },
    ...{ about: "/about/", documentation: "/docs/", guide: "/docs/guides/reputation/", missing: "/nothing/here/" },
    ...{ ledger: "/ledger/", "curated lists": "/lists/", "curated list": `/lists/${CURATOR_KEY}/top/` },
    ...{ moderator: `/moderators/${hexToNpub(WATCH_KEY)}/` },
    ...{ "documentation of tables": "/docs/adr/0013-the-site-is-a-mirror-of-a-signed-snapshot/" },
    ...{ coordinator: "/install/" },
  };
});
after(() => world?.close());

function first(path: string): string {
  return readdirSync(join(target, path))[0] ?? "";
}

const files = (): readonly string[] =>
  readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `/${relative(target, join(entry.parentPath, entry.name)).split(sep).join("/")}`);
const fileOf = (path: string): string => {
  const plain = path.replace(/\?.*/, "");
  if (plain === pages.missing) return "/404.html";
  return plain.endsWith("/") ? `${plain}index.html` : plain;
};
const read = (file: string): string => readFileSync(join(target, file), "utf8");

describe("pages", { skip }, () => {
  test("every kind of page is valid HTML", async () => {
    const checker = new HtmlValidate({
      extends: ["html-validate:standard", "html-validate:document"],
      rules: { "no-trailing-whitespace": "off", "long-title": "off", "no-raw-characters": "off", "require-sri": "off" },
    });
    const docs = files().filter((file) => file.startsWith("/docs/") && file.endsWith(".html"));
    assert.ok(docs.length > 30);
    for (const file of docs) assert.doesNotMatch(read(file), /<table>|<th><\/th>/, `${file}: what axe finds in tables`);
    const all = [...Object.entries(pages), ...docs.map((file) => [file, file] as const)];
    for (const [name, path] of all) {
      const report = await checker.validateString(read(fileOf(path)));
      const found = report.results.flatMap(({ messages }) =>
        messages.map(({ ruleId, message, line, column }) => `${ruleId} at ${line}:${column}: ${message}`),
      );
      assert.deepEqual(found, [], name);
    }
  });

  test("every link within the site leads to a file, and to a place that is there", () => {
    const known = new Set(files());
    const ids = new Map<string, ReadonlySet<string>>();
    const idsOf = (file: string): ReadonlySet<string> => {
      const found = ids.get(file) ?? new Set([...read(file).matchAll(/ id="([^"]*)"/g)].map(([, id]) => id ?? ""));
      ids.set(file, found);
      return found;
    };
    const broken: string[] = [];
    for (const file of known) {
      if (!file.endsWith(".html")) continue;
      for (const [, link = ""] of read(file).matchAll(/ (?:href|src)="([^"]*)"/g)) {
        const url = new URL(link.replaceAll("&#38;", "&").replaceAll("&amp;", "&"), `http://site${file}`);
        if (url.host !== "site" || url.pathname.startsWith("/v1/")) continue;
        const to = fileOf(decodeURIComponent(url.pathname));
        // The coordinator's own views are named after the hash.
        const there =
          known.has(to) &&
          (url.hash.startsWith("#/") || url.hash === "" || idsOf(to).has(decodeURIComponent(url.hash.slice(1))));
        if (!there) broken.push(`${file}: ${link}`);
      }
    }
    assert.deepEqual([...new Set(broken)], []);
  });

  test("no page breaks a rule of accessibility, light or dark, wide or narrow, and nothing moves or sticks out", async () => {
    for (const [name, path] of Object.entries(pages)) {
      const { page, complaints } = await world.open(path, { width: 390, scheme: "dark" });
      const moved = Number(await page.evaluate("shifts.reduce((sum, value) => sum + value, 0)"));
      assert.ok(moved < 0.01, `${name}: what was there moved by ${moved}`);
      await page.evaluate(axe.source);
      await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');
      for (const [width, scheme] of [
        [390, "dark"],
        [1280, "light"],
      ] as const) {
        const where = `${name}, ${width} wide, ${scheme}`;
        await page.setViewport({ width, height: 900 });
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        const violations = await page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then((result) =>
          result.violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 160)).join(" | ")))`);
        assert.deepEqual(violations, [], where);
        const wide = Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth"));
        assert.ok(wide <= 0, `${where}: it is ${wide} pixels wider than the window`);
      }
      assert.deepEqual(complaints, [], name);
      await page.close();
    }
  });

  test("what authors write from right to left is shown so, in pages and in results", async () => {
    const { page } = await world.open(world.listing("example.upgrade-5"), { width: 390 });
    const directions = `["h1", ".lead", "h2"].map((name) => getComputedStyle(document.querySelector(name)).direction)`;
    assert.deepEqual(await page.evaluate(directions), ["rtl", "rtl", "ltr"]);
    await page.close();
    const words = encodeURIComponent(ARABIC.title);
    const results = await world.open(`/search/?q=${words}`);
    assert.equal(
      await results.page.evaluate("getComputedStyle(document.querySelector('#results h2')).direction"),
      "rtl",
    );
    await results.page.close();
  });

  test("no page sticks out of a small phone, or of a large one at 200 per cent", async () => {
    const long = [5, 6, 7].map((index) => world.listing(`example.upgrade-${index}`));
    const { page } = await world.open("/");
    for (const path of [...Object.values(pages), ...long]) {
      await page.setViewport({ width: 320, height: 640 });
      await page.goto(`${world.host.edge().url}${path}`, { waitUntil: "load" });
      await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');
      for (const width of [320, 195]) {
        await page.setViewport({ width, height: 640 });
        const wide = Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth"));
        assert.ok(wide <= 0, `${path}, ${width} wide: it is ${wide} pixels wider than the window`);
      }
    }
    await page.close();
  });

  test("every page says how fresh it is, to the eye and to a reader of screens, without JavaScript", async () => {
    const [, said] = /content:"(As of [^"]*)"/.exec(read("/snapshot/fresh.css")) ?? [];
    assert.match(said ?? "", new RegExp(`^As of .* UTC: ${LISTINGS} listings, snapshot [0-9a-f]{16}…`));
    for (const [name, path] of Object.entries(pages)) {
      if (name === "coordinator") continue; // it asks the catalog as it is
      const { page } = await world.open(path.replace(/\?.*/, ""), { script: false });
      assert.equal(
        await page.evaluate("getComputedStyle(document.querySelector('footer .fresh'), '::before').content"),
        `"${said}"`,
        name,
      );
      const heard = JSON.stringify(await page.accessibility.snapshot());
      assert.ok(heard.includes(said?.trim() ?? ""), name);
      await page.close();
    }
  });

  test("the list by rating goes by the lower end of each score, those whose ratings do not count last", () => {
    const { rows } = JSON.parse(read("/search/index-0.json")) as {
      readonly rows: readonly { readonly path: string; readonly rating?: { readonly low_milli: number } }[];
    };
    const low = new Map(rows.map(({ path, rating }) => [path, rating?.low_milli ?? 0]));
    const shown = ["/browse/top/index.html", "/browse/top/2/index.html"].flatMap((file) =>
      [...read(file).matchAll(/<h2 dir="auto"><a href="([^"]*)"/g)].map(([, path = ""]) => low.get(path)),
    );
    assert.equal(shown.length, LISTINGS);
    assert.deepEqual(
      shown,
      [...low.values()].sort((a, b) => b - a),
    );
    assert.ok(shown.includes(0) && (shown[0] ?? 0) > 4_000);
  });

  test("a page says everything without JavaScript, in few bytes", async () => {
    for (const [name, path] of Object.entries(pages)) {
      const html = read(fileOf(path));
      const sheets = [...html.matchAll(/<link rel="stylesheet" href="([^"]*)"/g)].map(([, href = ""]) => read(href));
      const bytes = [html, ...sheets].reduce((sum, text) => sum + gzipSync(text).byteLength, 0);
      assert.ok(bytes < PAGE_BYTES_MAX, `${name} is ${bytes} bytes`);
    }
    for (const [path, dead, way] of [
      ["/search/", "#search", "#tags"],
      ["/install/", "nav.tabs", "/browse/"],
    ] as const) {
      const { page } = await world.open(path, { script: false });
      const shown = `getComputedStyle(document.querySelector(${JSON.stringify(dead)})).display`;
      assert.equal(await page.evaluate(shown), "none", `${path}: what does nothing is not there`);
      assert.ok(await page.$(`main a[href="${way}"]`), `${path}: there is another way`);
      await page.close();
    }
    const { page } = await world.open(pages.listing ?? "", { script: false });
    assert.match(
      await textOf(page, ".when"),
      /every day at 02:00 in Chicago, only between 01:00 and 05:00 0 2 \* \* \*/,
    );
    assert.match(await textOf(page, "[aria-labelledby=reputation]"), /oa reputation verify 30051:/);
    assert.match(await textOf(page, ".install dl"), /Runs on ?macOS, Linux ?Model backends it works with ?lexical-v1/);
    assert.match(await textOf(page, "[aria-labelledby=touches]"), /Read everything in “dest” \(your choice\)\./);
    assert.match(await textOf(page, ".releases"), /0\.2\.0 this page.*0\.0\.2 beta.*0\.0\.1/);
    const event = String(await page.evaluate("document.querySelector('a[download]').href"));
    const shown = JSON.parse(await textOf(page, "#event"));
    assert.deepEqual(JSON.parse(decodeURIComponent(event.slice(event.indexOf(",") + 1))), shown);
    assert.equal(await page.evaluate("document.querySelector('#verify').hidden"), true);
    await page.close();
  });
});

describe("under the edge's policy", { skip }, () => {
  test("pages may run their own scripts and nothing inline, and cannot be framed", async () => {
    const { url } = world.host.edge();
    const policy = (await fetch(`${url}/`)).headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'.*script-src 'self';.*frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    const feed = (await fetch(`${url}/atom.xml`)).headers;
    assert.deepEqual(
      [feed.get("content-security-policy"), feed.get("x-content-type-options")],
      ["default-src 'none'; frame-ancestors 'none'", "nosniff"],
    );
    const { page, complaints } = await world.open("/");
    const ran = await page.evaluate(`new Promise((resolve) => {
      const script = document.createElement("script");
      script.textContent = "globalThis.ran = true";
      const box = document.createElement("div");
      box.innerHTML = '<img src="/none.png" onerror="globalThis.ran = true">';
      document.body.append(script, box);
      setTimeout(() => resolve("ran" in globalThis), 300);
    })`);
    assert.equal(ran, false);
    assert.ok(complaints.some((text) => text.includes("Content Security Policy")));
    await page.close();
  });

  test("'verify this page' finds a true page true, and names what was changed on another", async () => {
    const check = async (change: string): Promise<string> => {
      const { page, complaints } = await world.open(pages.listing ?? "");
      await page.evaluate(change);
      await page.focus("#verify");
      await page.keyboard.press("Enter");
      await until(page, "/^[✓✗]/.test(document.querySelector('#verdict').textContent)");
      assert.deepEqual(complaints, []);
      const verdict = await textOf(page, "#verdict");
      await page.close();
      return verdict;
    };
    assert.match(await check(""), /^✓ Signed by its author/);
    const tampered = await check("document.querySelector('[data-said=permissions]').remove()");
    assert.match(tampered, /^✗ The page shows .* as its permissions where the author signed/);
    const forged = await check(
      "const event = document.querySelector('#event'); event.textContent = event.textContent.replace('Nightly', 'Daily')",
    );
    assert.match(forged, /^✗ The event does not verify/);
  });

  test("decisions and lists are checked one by one, each against its own event", async () => {
    const check = async (path: string, change: string): Promise<string> => {
      const { page, complaints } = await world.open(path);
      await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
      await page.evaluate(change);
      await page.click("[data-signed] button.verify");
      await until(page, "/^[✓✗]/.test(document.querySelector('.verdict').textContent)");
      assert.deepEqual(complaints, []);
      const verdict = await textOf(page, ".verdict");
      await page.close();
      return verdict;
    };
    for (const [path, name] of [
      ["/ledger/", "decision"],
      [pages["curated list"] ?? "", "title"],
    ] as const) {
      assert.match(await check(path, ""), /^✓ Signed by the key that is named/);
      const first = `document.querySelector('[data-signed] [data-said=${name}]')`;
      assert.match(
        await check(path, `${first}.textContent = 'something else'`),
        new RegExp(`^✗ .* as its ${name} where`),
      );
      const event = "document.querySelector('[data-signed] code.event')";
      const forged = `${event}.textContent = ${event}.textContent.replace(/"created_at": ./, '"created_at": 9')`;
      assert.match(await check(path, forged), /^✗ The event does not verify/);
    }
  });

  test("search answers as one types, keeps the question in the address, and is reached by keyboard", async () => {
    const { page, complaints } = await world.open("/search/");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to content");
    await page.focus("#q");
    await page.keyboard.type("nightly index");
    await until(page, "/found/.test(document.querySelector('#found').textContent)");
    assert.equal(await textOf(page, "#results li h2"), "Nightly Code Index Refresh");
    await page.select("select[name=sort]", "rating");
    assert.match(page.url(), /\?q=nightly\+index&sort=rating$/);
    for (let presses = 0; presses < 12; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate("document.activeElement.matches('#results a')")) === true) break;
    }
    assert.equal(await page.evaluate("document.activeElement.matches('#results a')"), true, "a result has the focus");
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test("a search that finds nothing shows the way to all there is", async () => {
    const { page, complaints } = await world.open("/search/");
    await page.type("#q", "zzzz");
    await until(page, "/^Nothing was found/.test(document.querySelector('#found').textContent)");
    assert.equal(await page.evaluate("document.querySelector('#results a').pathname"), "/browse/");
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test("the command that installs is copied by a button, which is not there without JavaScript", async () => {
    const plain = await world.open(pages.listing ?? "", { script: false });
    assert.equal(await plain.page.evaluate("document.querySelector('button.copy').hidden"), true);
    await plain.page.close();
    const { page, complaints } = await world.open(pages.listing ?? "");
    await page.evaluate("navigator.clipboard.writeText = async (text) => { globalThis.copied = text; }");
    await page.click("button.copy");
    await until(page, "document.querySelector('button.copy').textContent === 'Copied'");
    assert.equal(await page.evaluate("copied"), await textOf(page, ".install pre"));
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test("what an author wrote is text in results too", async () => {
    const { page, complaints } = await world.open("/search/?q=onerror");
    await until(page, "document.querySelector('#found').textContent === '1 found'");
    assert.equal(await page.$("#results img, #results script"), null);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test("on paper a listing is itself, without what only a screen can use", async () => {
    const { page } = await world.open(pages.listing ?? "");
    await page.emulateMediaType("print");
    const shown = await page.evaluate(
      `["h1", ".permissions", ".top nav", "#verify"].map((name) => document.querySelector(name).offsetParent !== null)`,
    );
    assert.deepEqual(shown, [true, true, false, false]);
    await page.close();
  });
});
