import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { filesFor, packOf } from "@oa/shared/core/site-path.ts";
import type { SiteIndex, SiteManifest } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { boundsOf } from "./site-headers.ts";

export const CURRENT = "site/current";
export const objectKey = (sha256: string): string => `site/objects/${sha256}`;

/** How long an instance serves a site after another took its place. */
const CURRENT_MS = 2_000;

let current: { readonly until_ms: number; readonly site: SiteManifest | null } | undefined;
const indexes = new Map<string, SiteIndex>();

/** The site that is published, or null where there is none. */
export async function currentSite(bucket: R2Bucket): Promise<SiteManifest | null> {
  const now_ms = Date.now();
  if (current !== undefined && now_ms < current.until_ms) return current.site;
  const stored = await bucket.get(CURRENT);
  const value = stored === null ? null : await stored.json();
  if (value !== null && !validators.isSiteManifest(value)) throw new Error("the stored site manifest is not valid");
  current = { until_ms: now_ms + CURRENT_MS, site: value };
  return value;
}

/** Makes the next request read which site is current. */
export function forgetCurrentSite(): void {
  current = undefined;
}

/** A file of the published site; null where there is no site or no such file. A page without its slash is redirected. */
export async function siteFile(bucket: R2Bucket, request: Request): Promise<Response | null> {
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  const site = await currentSite(bucket);
  if (site === null) return null;
  const url = new URL(request.url);
  for (const path of filesFor(decoded(url.pathname))) {
    const file = await fileAt(bucket, site, path);
    if (file === null) continue;
    if (path.endsWith("/index.html") && !url.pathname.endsWith("/") && !url.pathname.endsWith("/index.html")) {
      return new Response(null, { status: 308, headers: { Location: `${url.pathname}/${url.search}` } });
    }
    return respond(bucket, request, file, 200);
  }
  const missing = await fileAt(bucket, site, "/404.html");
  return missing === null ? null : respond(bucket, request, missing, 404);
}

interface StoredFile extends NonNullable<SiteIndex[string]> {
  readonly path: string;
  readonly object: string;
}

/** Where a file is: its pack says so at its beginning. */
async function fileAt(bucket: R2Bucket, site: SiteManifest, path: string): Promise<StoredFile | null> {
  const pack = packOf(site.packs, path);
  if (pack === undefined) return null;
  const { object, index_bytes } = pack;
  const file = (await indexOf(bucket, pack))[path];
  return file === undefined ? null : { ...file, path, object, offset: index_bytes + file.offset };
}

async function respond(bucket: R2Bucket, request: Request, file: StoredFile, status: 200 | 404): Promise<Response> {
  const { path, object, offset, bytes } = file;
  const etag = `"${file.sha256.slice(0, 32)}"`;
  const headers = new Headers({
    ...boundsOf(path, file.type),
    "Content-Type": file.type,
    "Cache-Control": path.startsWith("/_astro/") ? "public, max-age=31536000, immutable" : "public, max-age=60",
    ETag: etag,
    Vary: "Accept-Encoding",
  });
  if (status === 200 && matches(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  const packed = file.gzip && accepts(encodingsOf(request));
  if (packed) headers.set("Content-Encoding", "gzip");
  if (packed || !file.gzip) headers.set("Content-Length", String(bytes));
  if (request.method === "HEAD") return new Response(null, { status, headers });
  const stored = await bucket.get(objectKey(object), { range: { offset, length: bytes } });
  if (stored === null) throw new Error(`the published site lacks a pack for ${path}`);
  if (packed) return new Response(stored.body, { status, headers, encodeBody: "manual" });
  const body = file.gzip ? stored.body.pipeThrough(new DecompressionStream("gzip")) : stored.body;
  return new Response(body, { status, headers });
}

async function indexOf(bucket: R2Bucket, { object, index_bytes }: SiteManifest["packs"][number]): Promise<SiteIndex> {
  const known = indexes.get(object);
  if (known !== undefined) return known;
  const stored = await bucket.get(objectKey(object), { range: { offset: 0, length: index_bytes } });
  const parsed = stored === null ? null : parseStrict(await stored.text(), { bytes: LIMITS.site_object_bytes });
  const value = parsed === null || isRejection(parsed) ? null : parsed.value;
  if (!validators.isSiteIndex(value)) throw new Error(`the published site lacks the index of ${object}`);
  if (indexes.size >= LIMITS.site_indexes_cached) indexes.clear();
  indexes.set(object, value);
  return value;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // no file has such a name
  }
}

function matches(header: string | null, etag: string): boolean {
  return (header ?? "").split(",").some((text) => [etag, `W/${etag}`, "*"].includes(text.trim()));
}

/** What the client takes: a network in front of a worker puts its own word into the header, and the client's beside. */
function encodingsOf(request: Request): string {
  const asked = request.cf?.clientAcceptEncoding;
  return typeof asked === "string" ? asked : (request.headers.get("accept-encoding") ?? "");
}

/** Whether a client that says so takes gzip (RFC 9110 §12.5.3); one that says nothing gets the plain bytes. */
function accepts(header: string): boolean {
  return header.split(",").some((part) => /^\s*(gzip|\*)\s*(;\s*q=(?!0(\.0+)?\s*$).*)?$/i.test(part));
}
