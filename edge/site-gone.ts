import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationDecision } from "@oa/shared/generated/types.ts";
import { sentenceOf } from "@oa/shared/moderation/words.ts";
import { hexToNpub } from "@oa/shared/nostr/npub.ts";
import { catalogOf } from "./addresses.ts";
import type { Env } from "./env.ts";
import { siteFile } from "./site.ts";
import { boundsOf } from "./site-headers.ts";

const HTML = "text/html; charset=utf-8";

/** How long an instance remembers whether a page's listing is hidden. */
const KEPT_MS = 2_000;
const known = new Map<string, { readonly until_ms: number; readonly page: Gone | null }>();

interface Gone {
  readonly status: 403 | 410;
  readonly html: string;
}

/**
 * The page that stands in a taken-down listing's place, whatever the built site has there: 410, or 403 while it is held;
 * null for every other path.
 */
export async function gonePage(env: Env, request: Request): Promise<Response | null> {
  const [, pubkey, slug] =
    /^\/upgrades\/([0-9a-f]{64})\/([a-z0-9_.-]{1,128})\/?(?:index\.html)?$/.exec(new URL(request.url).pathname) ?? [];
  if (pubkey === undefined || slug === undefined) return null;
  const address = `30051:${pubkey}:${slug}`;
  const now_ms = Date.now();
  let found = known.get(address);
  if (found === undefined || now_ms >= found.until_ms) {
    found = { until_ms: now_ms + KEPT_MS, page: await pageOf(env, address, request.url) };
    if (known.size >= LIMITS.site_indexes_cached) known.clear();
    known.set(address, found);
  }
  if (found.page === null) return null;
  const { status, html } = found.page;
  const headers = { ...boundsOf("/", HTML), "Content-Type": HTML, "Cache-Control": "no-store" };
  return new Response(request.method === "HEAD" ? null : html, { status, headers });
}

async function pageOf(env: Env, address: string, url: string): Promise<Gone | null> {
  const detail = await catalogOf(env).get(address, null);
  if (!isRejection(detail)) return null;
  if (detail.code !== "listing_taken_down" && detail.code !== "listing_held") return null;
  const decision = detail.details?.decision as ModerationDecision; // put there by the catalog
  const held = detail.code === "listing_held";
  const title = held ? "This upgrade is held back" : "This upgrade was taken down";
  return { status: held ? 403 : 410, html: await dressed(env, url, title, words(title, address, decision)) };
}

/** In the dress of the site's own page for what is missing, which has no scripts; without a site, in none. */
async function dressed(env: Env, url: string, title: string, main: string): Promise<string> {
  const asked = new Request(new URL("/404.html", url));
  const page = (env.SITE === undefined ? null : await siteFile(env.SITE, asked)) ?? (await env.ASSETS?.fetch(asked));
  if (page?.ok !== true || page.headers.get("content-type")?.startsWith("text/html") !== true) {
    return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>${title}</title></head><body><main>${main}</main></body></html>
`;
  }
  return new HTMLRewriter()
    .on("title", { element: (element) => void element.setInnerContent(`${title} · Agent Upgrades`) })
    .on('meta[name="description"], meta[property^="og:"]', { element: (element) => void element.remove() })
    .on("main", { element: (element) => void element.setInnerContent(main, { html: true }) })
    .transform(page)
    .text();
}

function words(title: string, address: string, decision: ModerationDecision): string {
  const day = new Date(decision.created_at * 1000).toISOString().slice(0, 10);
  return `
<h1>${title}</h1>
<p class="lead">It ${escaped(sentenceOf(decision))}.</p>
<dl><dt>Listing</dt><dd><code>${escaped(address)}</code></dd>
<dt>Decided</dt><dd>${day}, by <code>${hexToNpub(decision.moderator)}</code></dd>
<dt>Signed decision</dt><dd><code>${decision.event_id}</code></dd></dl>
<p>Every decision, its reason, and what became of an appeal is in the <a href="/ledger/">ledger</a>.</p>
<p>Other moderators may see it otherwise: <a href="/ledger/#whose">choose whose decisions apply to you</a>. If you follow others, you
can still read it <a href="/install/#/listing/${encodeURIComponent(address)}">in the coordinator</a>.</p>
<p>Are you its author? You may appeal once: <code>oa moderate appeal ${decision.event_id}</code>. Do you have it installed? Your machine
stops it if you follow who decided this. <a href="/docs/guides/moderation/">How moderation works</a></p>
`;
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (char) => names[char] ?? "");
}
