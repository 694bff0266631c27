import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { SiteManifest } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import { openEdgeEgress } from "@oa/worker/adapters/edge-client.ts";
import { publishSite } from "@oa/worker/adapters/site-publish.ts";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { openTestEdge, type TestEdge } from "./fixture.ts";

const secret_key = generateSecretKey();
const key = { secret_key, public_key: getPublicKey(secret_key) };
const folder = mkdtempSync(join(tmpdir(), "oa-published-"));
const LONG = "<p>words and words</p>".repeat(200);
let host: TestEdge;

before(async () => {
  host = await openTestEdge({ SITE_PUBLISHERS: `${"0".repeat(64)}, ${key.public_key}` });
});
after(async () => {
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(files: Readonly<Record<string, string>>): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
const publish = (created_at: number, by = key) =>
  publishSite({
    ...{ folder, edge_url: host.edge().url, egress: openEdgeEgress(host.edge().url), key: by },
    of: { created_at, root: "a".repeat(64), listings: 1 },
    now_ms: Date.now,
    signal: new AbortController().signal,
  });
const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${host.edge().url}${path}`, { headers, redirect: "manual" });
/** Bytes as they came, since fetch unpacks them. */
const raw = (path: string, headers: Record<string, string>) =>
  new Promise<{ readonly encoding: string | undefined; readonly bytes: number }>((resolve, reject) => {
    request(`${host.edge().url}${path}`, { headers }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Uint8Array) => (bytes += chunk.byteLength));
      response.on("end", () => resolve({ encoding: response.headers["content-encoding"], bytes }));
    })
      .on("error", reject)
      .end();
  });
async function put(path: string, body: string, by = key) {
  const url = `${host.edge().url}/v1/site${path}`;
  const template = httpAuthTemplate({ url, method: "PUT", body }, Math.floor(Date.now() / 1000), "nonce");
  const authorization = httpAuthHeader(signEvent(template, by.secret_key, new Uint8Array(32)));
  const response = await fetch(url, { method: "PUT", body, headers: { authorization } });
  const value = (await response.json()) as { readonly error?: { readonly code: string } };
  return { status: response.status, code: value.error?.code };
}
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

test("an edge without a published site says so", async () => {
  assert.equal((await get("/v1/site")).status, 404);
  assert.match(await (await get("/")).text(), /This is the edge/);
});

test("a published site is served with its types, and its pages at their paths with a slash", async () => {
  write({ "index.html": LONG, "about/index.html": "about", "atom.xml": "<feed/>", "404.html": "lost", "é.txt": "é" });
  const published = await publish(100);
  assert.ok(!isRejection(published), JSON.stringify(published));
  assert.ok(validators.isSiteManifest(published.site) && published.site.files === 5);
  const home = await get("/");
  assert.deepEqual([home.status, home.headers.get("content-type")], [200, "text/html; charset=utf-8"]);
  assert.equal(await home.text(), LONG);
  assert.equal(home.headers.get("x-content-type-options"), "nosniff");
  assert.equal((await get("/atom.xml")).headers.get("content-type"), "application/atom+xml; charset=utf-8");
  const bare = await get("/about?from=here");
  assert.deepEqual([bare.status, bare.headers.get("location")], [308, "/about/?from=here"]);
  assert.equal(await (await get("/about/")).text(), "about");
  assert.equal(await (await get(`/${encodeURIComponent("é")}.txt`)).text(), "é");
});

test("pages go out compressed to who takes that and plain to who does not", async () => {
  const packed = await raw("/", { "Accept-Encoding": "gzip" });
  assert.ok(packed.encoding === "gzip" && packed.bytes < LONG.length / 5, JSON.stringify(packed));
  assert.deepEqual(await raw("/", {}), { encoding: undefined, bytes: LONG.length }, "who says nothing gets it plain");
  for (const asked of ["identity", "gzip;q=0"]) {
    assert.deepEqual(await raw("/", { "Accept-Encoding": asked }), { encoding: undefined, bytes: LONG.length }, asked);
  }
});

test("what a client has is not sent again", async () => {
  const etag = (await get("/about/")).headers.get("etag") ?? "";
  assert.equal((await get("/about/", { "If-None-Match": etag })).status, 304);
  assert.equal((await get("/about/", { "If-None-Match": '"other"' })).status, 200);
});

test("a path without a file answers 404 with the site's own page, and a broken one too", async () => {
  for (const path of ["/nothing/", "/%", "/..%2f..%2fcurrent", "/__proto__/", "/constructor"]) {
    const missing = await get(path);
    assert.deepEqual([missing.status, await missing.text()], [404, "lost"], path);
  }
});

test("a new site takes the place of the old in one step, sends only what is new, and what nobody uses is deleted", async () => {
  write({ "index.html": "second", "404.html": "lost" });
  const second = await publish(200);
  assert.ok(!isRejection(second));
  await until(async () => (await (await get("/")).text()) === "second");
  assert.equal((await get("/about/")).status, 404);
  const again = await publish(201);
  assert.ok(!isRejection(again) && again.sent === 0);
  write({ "index.html": "third" });
  const third = await publish(300);
  assert.ok(!isRejection(third));
  const stored = async ({ packs }: SiteManifest) => (await get(`/v1/site/objects/${packs[0]?.object}`)).status;
  assert.equal(await stored(third.site), 200);
  assert.equal(await stored(second.site), 200, "the one before is served for a moment still");
  write({ "index.html": "fourth" });
  assert.ok(!isRejection(await publish(400)));
  assert.equal(await stored(second.site), 404);
});

test("a key that the edge does not name publishes nothing", async () => {
  const stranger = generateSecretKey();
  const refused = await publish(500, { secret_key: stranger, public_key: getPublicKey(stranger) });
  assert.equal(isRejection(refused) && refused.code, "not_permitted");
  assert.deepEqual(await put(`/objects/${sha256("x")}`, "x", { secret_key: stranger, public_key: "" }), {
    ...{ status: 403, code: "not_permitted" },
  });
  const unsigned = await fetch(`${host.edge().url}/v1/site`, { method: "PUT", body: "{}" });
  assert.equal(unsigned.status, 401);
});

test("an object under another hash, a site whose objects are missing, an older site and nonsense change nothing", async () => {
  const before = await (await get("/v1/site")).json();
  assert.deepEqual(await put(`/objects/${sha256("other")}`, "body"), { status: 422, code: "checksum_mismatch" });
  assert.deepEqual(await put("/objects/current", "body"), { status: 400, code: "usage" });
  const site = { ...(before as SiteManifest), created_at: 999 };
  const [pack] = site.packs;
  const lacking = JSON.stringify({ ...site, packs: [{ ...pack, object: sha256("never put") }] });
  assert.deepEqual(await put("", lacking), { status: 404, code: "not_found" });
  const unordered = JSON.stringify({ ...site, packs: [pack, { ...pack, first: "/" }] });
  assert.deepEqual(await put("", unordered), { status: 422, code: "schema_invalid" });
  assert.deepEqual(await put("", JSON.stringify({ ...site, created_at: 1 })), {
    status: 409,
    code: "event_superseded",
  });
  assert.deepEqual(await put("", JSON.stringify({ ...site, packs: [] })), { status: 422, code: "schema_invalid" });
  assert.deepEqual(await put("", "{"), { status: 400, code: "json_invalid" });
  assert.deepEqual(await (await get("/v1/site")).json(), before);
});

async function until(done: () => Promise<boolean>): Promise<void> {
  const over = Date.now() + 10_000;
  while (!(await done())) {
    assert.ok(Date.now() < over, "it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
