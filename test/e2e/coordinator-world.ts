import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { publicKeyOf } from "@oa/shared/nostr/template.ts";
import { signPublication } from "@oa/shared/upgrade/publication.ts";
import { openEdgeClient, openEdgeEgress } from "@oa/worker/adapters/edge-client.ts";
import { loadSchnorr } from "@oa/worker/adapters/schnorr.ts";
import { buildSite } from "@oa/worker/adapters/site-build.ts";
import { publishSite } from "@oa/worker/adapters/site-publish.ts";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { document, down, oa, type Running, startOa } from "../cli/oa.ts";
import { connect, eventually, openTestEdge, ROOT, type TestEdge } from "../edge/fixture.ts";
import { random } from "../fakes/runs.ts";

/** What an author could try in every text that others are shown. */
export const HOSTILE = `<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>`;
const NEVER = new AbortController().signal;
const AUTHOR = new Uint8Array(32).fill(9);

/** A real edge that serves the built site, a real worker daemon, and a real browser. */
export interface CoordinatorWorld {
  readonly edge: TestEdge;
  readonly url: string;
  readonly relay: string;
  readonly folder: string;
  readonly site: string;
  readonly browser: Browser;
  /** `oa` against the worker; its answer in JSON. */
  readonly ask: (...args: readonly string[]) => Promise<Record<string, unknown>>;
  readonly daemon: Running;
  readonly address: string;
  /**
   * A page of a visitor of their own: nothing is remembered from others. With `origin`, the browser's own visitor comes,
   * who has its extensions, to the site by another of its names.
   */
  readonly visit: (prepare?: (page: Page) => Promise<void>, origin?: string) => Promise<Page>;
  readonly close: () => Promise<void>;
}

/** Reads one file that its owner chooses: small, and it needs no network. */
export const TITLE = `Morning words ${HOSTILE}`;
function manifest(): UpgradeManifest {
  return {
    id: "example.morning-words",
    version: "1.0.0",
    title: TITLE,
    summary: `Reads one file. ${HOSTILE}`,
    author: { name: HOSTILE, npub: hexToNpub(publicKeyOf(AUTHOR)) },
    capabilities: { platforms: ["macos", "linux"], backends: [] },
    permissions: { filesystem: [{ path: "${inputs.file}", access: "read" }], tools: ["fs.read"] },
    inputs: { file: { type: "path", description: `The file to read ${HOSTILE}` } },
    schedule: { type: "cron", expression: "0 2 * * *", timezone: "America/Chicago" },
    pipeline: [{ op: "fs.read", id: "read", path: "${inputs.file}" }],
  };
}

export interface CoordinatorWorldOptions {
  readonly browser_args?: readonly string[];
  /** Folders of extensions that the browser has. */
  readonly extensions?: readonly string[];
  /** The relay that the worker reads, in place of the edge's. */
  readonly worker_relay?: string;
}

export async function openCoordinatorWorld(options: CoordinatorWorldOptions = {}): Promise<CoordinatorWorld> {
  const folder = mkdtempSync(join(tmpdir(), "oa-coordinator-"));
  const builder = new Uint8Array(32).fill(8);
  const builder_key = { secret_key: builder, public_key: publicKeyOf(builder) };
  const edge = await openTestEdge({ SITE_PUBLISHERS: builder_key.public_key });
  const { url, relay_url: relay } = edge.edge();
  const data = join(folder, "data");
  mkdirSync(join(folder, "home"));
  writeFileSync(join(folder, "home", "words.txt"), "good morning");
  const published = signPublication(manifest(), {
    ...{ secret_key: AUTHOR, notes: "", channel: "main", random },
    created_at: Math.floor(Date.now() / 1_000),
  });
  if (isRejection(published)) throw new Error(published.message);
  const client = await connect(relay);
  for (const event of [published.manifest_event, published.release_event]) await client.publish(event);
  await client.close();
  const catalog = openEdgeClient(url, openEdgeEgress(url));
  await eventually(async () => {
    const detail = await catalog.get<{ readonly release_events: readonly object[] }>(
      `/v1/listings/${encodeURIComponent(published.address)}`,
      NEVER,
    );
    return !isRejection(detail) && detail.release_events.length > 0;
  });
  const site = join(folder, "site");
  const built = await buildSite({
    ...{ root: ROOT, target: site, site_url: url, edge: catalog, now_ms: Date.now(), signal: NEVER },
    ...{ schnorr: await loadSchnorr(), key: builder_key },
  });
  if (isRejection(built)) throw new Error(built.message);
  const shown = await publishSite({
    ...{ folder: site, edge_url: url, egress: openEdgeEgress(url), key: builder_key, of: built },
    ...{ now_ms: Date.now, signal: NEVER },
  });
  if (isRejection(shown)) throw new Error(shown.message);

  const environment = { HOME: join(folder, "home") };
  const reads = ["--edge", url, "--relay", options.worker_relay ?? relay];
  const daemon = await startOa(["up", "--data", data, "--port", "0", ...reads], environment);
  const browser = await puppeteer.launch({
    executablePath: process.env.OA_CHROMIUM ?? "/usr/bin/chromium",
    userDataDir: join(folder, "browser"),
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...(options.browser_args ?? [])],
    enableExtensions: [...(options.extensions ?? [])],
    defaultViewport: { width: 390, height: 844, deviceScaleFactor: 1 },
  });
  return {
    ...{ edge, url, relay, folder, site, browser, daemon, address: published.address },
    ask: async (...args) => document(await oa([...args, "--data", data, "--json"], environment)),
    visit: async (prepare, origin) => {
      const context = origin === undefined ? await browser.createBrowserContext() : browser.defaultBrowserContext();
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      await prepare?.(page);
      await page.goto(`${origin ?? url}/install/`);
      return page;
    },
    close: async () => {
      await browser.close();
      await down(daemon);
      await edge.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Presses the button or link with this text. */
export async function press(page: Page, text: string): Promise<void> {
  const path = `::-p-xpath(//main//*[self::button or self::a][normalize-space()=${quoted(text)}])`;
  await page.locator(path).click();
}

/** Presses the button with this text where it is there and not at work. */
export async function pressIfReady(page: Page, text: string): Promise<void> {
  await page.evaluate(`[...document.querySelectorAll("main button:enabled")]
    .find(({ textContent }) => textContent === ${JSON.stringify(text)})?.click()`);
}

/** Opens one of the page's four places. */
export async function open(page: Page, tab: "Find" | "Installed" | "Machines" | "Key"): Promise<void> {
  await page.locator(`::-p-xpath(//nav//a[normalize-space()=${quoted(tab)}])`).click();
}

export async function fill(page: Page, name: string, text: string): Promise<void> {
  await page.locator(`main [name="${name}"]`).fill(text);
}

/** Waits until the page shows a text, wherever; fails with all that it shows instead. */
export async function shows(page: Page, text: RegExp | string): Promise<void> {
  const pattern = typeof text === "string" ? text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") : text.source;
  try {
    await page.waitForFunction(`new RegExp(${JSON.stringify(pattern)}).test(document.body.innerText)`);
  } catch (error) {
    throw new Error(`the page does not show ${String(text)} but:\n${await words(page)}`, { cause: error });
  }
}

/** All that a reader of the page sees. */
export async function words(page: Page): Promise<string> {
  return String(await page.evaluate("document.body.innerText"));
}

function quoted(text: string): string {
  return text.includes('"') ? `'${text}'` : `"${text}"`;
}
