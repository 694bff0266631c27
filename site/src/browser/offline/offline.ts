/**
 * The coordinator's service worker. It keeps the page itself, so that it opens without a network, and the catalog's
 * answers, each with the time it was given: an answer that was kept always says so. It keeps nothing else.
 */

/** The parts of a service worker's world that are used here; the DOM's types have none of it. */
interface Worker {
  addEventListener(name: "install" | "activate", hear: (event: Extendable) => void): void;
  addEventListener(name: "fetch", hear: (event: Fetched) => void): void;
  readonly skipWaiting: () => Promise<void>;
  readonly clients: { readonly claim: () => Promise<void> };
}
interface Extendable {
  readonly waitUntil: (work: Promise<unknown>) => void;
}
interface Fetched extends Extendable {
  readonly request: Request;
  readonly respondWith: (answer: Promise<Response>) => void;
}

const worker = self as unknown as Worker;
const PAGE = "/install/";
const SHELL = "oa-shell";
const ANSWERS = "oa-answers";
const ANSWERS_MAX = 60;
/** As the page reads it. */
const KEPT_AT = "x-oa-kept-at";
const ASSET = /["'`](?:\.\/|\/_astro\/)([\w.~-]+\.(?:js|css))["'`]/g;
const OTHER = ["/install/manifest.webmanifest", "/install/icon-192.png", "/icon.svg"];

worker.addEventListener("install", (event) => {
  event.waitUntil(keepShell().then(() => worker.skipWaiting()));
});
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET") return;
  if (pathname.startsWith("/v1/listings")) event.respondWith(catalogAnswer(request));
  else if (origin !== location.origin) return;
  else if (pathname === PAGE) event.respondWith(page(event));
  else if (pathname.startsWith("/_astro/") || OTHER.includes(pathname)) event.respondWith(asset(request));
});

/** The page as it is now; without a network, as it was kept. */
async function page(event: Fetched): Promise<Response> {
  try {
    const answer = await fetch(event.request);
    if (answer.ok) event.waitUntil(keepShell(answer.clone()));
    return answer;
  } catch (error) {
    const kept = await (await caches.open(SHELL)).match(PAGE);
    if (kept === undefined) throw error;
    return kept;
  }
}

/** The names of these files change with what is in them. */
async function asset(request: Request): Promise<Response> {
  return (await (await caches.open(SHELL)).match(request)) ?? fetch(request);
}

/** What the catalog says now; where it cannot be asked, what it said before, marked with when. */
async function catalogAnswer(request: Request): Promise<Response> {
  const cache = await caches.open(ANSWERS);
  try {
    const answer = await fetch(request);
    if (answer.ok) await keepAnswer(cache, request, answer.clone());
    // What is gone is not shown again.
    else if (answer.status === 404 || answer.status === 410) await cache.delete(request.url);
    return answer;
  } catch (error) {
    const kept = await cache.match(request.url);
    if (kept === undefined) throw error;
    return kept;
  }
}

async function keepAnswer(cache: Cache, { url }: Request, answer: Response): Promise<void> {
  const headers = { "content-type": "application/json", [KEPT_AT]: new Date().toISOString() };
  await cache.delete(url); // so that the order of keys is the order of time
  await cache.put(url, new Response(await answer.text(), { headers }));
  const kept = await cache.keys();
  for (const old of kept.slice(0, Math.max(0, kept.length - ANSWERS_MAX))) await cache.delete(old);
}

/** Keeps the page with every file it needs, and lets those of an older page go. */
async function keepShell(fresh?: Response): Promise<void> {
  const cache = await caches.open(SHELL);
  const html = fresh ?? (await fetch(PAGE));
  if (!html.ok) throw new Error(`the page answered ${html.status}`);
  const wanted = new Set<string>(OTHER);
  const look = async (text: string): Promise<void> => {
    for (const [, name] of text.matchAll(ASSET)) {
      const path = `/_astro/${name}`;
      if (wanted.has(path)) continue;
      wanted.add(path);
      const kept = (await cache.match(path)) ?? (await fetchInto(cache, path));
      if (path.endsWith(".js")) await look(await kept.clone().text());
    }
  };
  const copy = html.clone();
  await look(await html.text());
  for (const path of OTHER) if ((await cache.match(path)) === undefined) await fetchInto(cache, path);
  await cache.put(PAGE, copy);
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname !== PAGE && !wanted.has(pathname)) await cache.delete(url);
  }
}

async function fetchInto(cache: Cache, path: string): Promise<Response> {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  await cache.put(path, answer.clone());
  return answer;
}
