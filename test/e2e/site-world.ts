import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { type EdgeClient, openEdgeEgress } from "@oa/worker/adapters/edge-client.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import { buildSite } from "@oa/worker/adapters/site-build.ts";
import { publishSite } from "@oa/worker/adapters/site-publish.ts";
import puppeteer, { type Page } from "puppeteer-core";
import { openTestEdge, ROOT, type TestEdge } from "../edge/fixture.ts";
import { PUBLISHED_AT } from "../fakes/catalog.ts";

/** A site as its visitors meet it: built from a catalog, served by the edge, in a real browser. */
export interface SiteWorld {
  readonly host: TestEdge;
  /** The folder of the built site. */
  readonly target: string;
  /** The path of the page of a listing. */
  readonly listing: (slug: string) => string;
  /** A page as the edge serves it, with everything that its policy kept from happening and every address it asked. */
  readonly open: (
    path: string,
    options?: OpenOptions,
  ) => Promise<{ readonly page: Page; readonly complaints: string[]; readonly asked: string[] }>;
  readonly close: () => Promise<void>;
}

interface OpenOptions {
  readonly width?: number;
  readonly scheme?: string;
  readonly script?: boolean;
  /** Run before the page's own scripts. */
  readonly first?: string;
}

/** When the pages are of, in Unix seconds. */
export const BUILT_AT = PUBLISHED_AT + 86_400;

export async function openSiteWorld(catalog: EdgeClient): Promise<SiteWorld> {
  const key = { secret_key: new Uint8Array(32).fill(9), public_key: publicKeyOf(new Uint8Array(32).fill(9)) };
  const folder = mkdtempSync(join(tmpdir(), "oa-pages-"));
  const target = join(folder, "site");
  const signal = new AbortController().signal;
  const host = await openTestEdge({ SITE_PUBLISHERS: key.public_key });
  const { url } = host.edge();
  const built = await buildSite({
    ...{ root: ROOT, target, site_url: url, edge: catalog, schnorr: await loadSchnorr(), key },
    ...{ now_ms: BUILT_AT * 1_000, signal },
  });
  assert.ok(!isRejection(built));
  const published = await publishSite({
    ...{ folder: target, edge_url: url, egress: openEdgeEgress(url), key, of: built, now_ms: Date.now, signal },
  });
  assert.ok(!isRejection(published), JSON.stringify(published));
  const browser = await puppeteer.launch({
    executablePath: process.env.OA_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });

  const open: SiteWorld["open"] = async (path, options = {}) => {
    // A visitor of its own each time: nothing is remembered from the page before.
    const visitor = await browser.createBrowserContext();
    const page = await visitor.newPage();
    page.once("close", () => void visitor.close().catch(() => undefined)); // the browser may be gone already
    const [complaints, asked]: [string[], string[]] = [[], []];
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("status of 404")) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => void asked.push(request.url()));
    await page.setJavaScriptEnabled(options.script ?? true);
    await page.setViewport({ width: options.width ?? 1280, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: options.scheme ?? "light" }]);
    await page.evaluateOnNewDocument(`
      globalThis.shifts = [];
      new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value }) => value)))
        .observe({ type: "layout-shift", buffered: true });
      ${options.first ?? ""}`);
    await page.goto(`${host.edge().url}${path}`, { waitUntil: "load" });
    if (path.startsWith("/search/?")) await until(page, "/ found/.test(document.querySelector('#found').textContent)");
    return { page, complaints, asked };
  };
  return {
    ...{ host, target, open },
    listing: (slug) => {
      const author = readdirSync(join(target, "upgrades")).find((name) =>
        readdirSync(join(target, "upgrades", name)).includes(slug),
      );
      return `/upgrades/${author}/${slug}/`;
    },
    close: async () => {
      await browser.close();
      await host.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The text of an element, in one line. */
export async function textOf(page: Page, selector: string): Promise<string> {
  const text = await page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent`);
  return String(text).replace(/\s+/g, " ").trim();
}

/** Waits for something in a page. Asked over the browser's own protocol, which a page's policy does not bind. */
export async function until(page: Page, expression: string): Promise<void> {
  const over = Date.now() + 10_000;
  while ((await page.evaluate(expression)) !== true) {
    assert.ok(Date.now() < over, `it never came true: ${expression}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
