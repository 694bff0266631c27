import { answer } from "@oa/shared/api/answer.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { SiteManifest } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { isHex32 } from "@oa/shared/nostr/verify.ts";
import { type Context, Hono } from "hono";
import { edgePublicKey } from "../adapters/edge-key.ts";
import type { Env } from "../env.ts";
import { CURRENT, currentSite, forgetCurrentSite, objectKey } from "../site.ts";
import { authenticate, readValue } from "./request.ts";

/**
 * `/v1/site`: publishing the static site. Objects are put under the hash of their bytes and the manifest last, so that
 * visitors see the old site or the new one and nothing between. Writing is signed (NIP-98) by a key the edge names;
 * sending a request again does no harm, so its id need not be remembered.
 */
export const siteRoutes = new Hono<{ Bindings: Env }>();

siteRoutes.get("/", async (context) => {
  const bucket = bucketOf(context.env);
  if (isRejection(bucket)) return answer(context, bucket);
  const site = await currentSite(bucket);
  return answer(context, site ?? reject("not_found", "no site has been published here"));
});

siteRoutes.put("/objects/:sha256", async (context) => {
  const bucket = bucketOf(context.env);
  if (isRejection(bucket)) return answer(context, bucket);
  const request = await publisher(context, LIMITS.site_object_bytes);
  if (isRejection(request)) return answer(context, request);
  const name = context.req.param("sha256");
  if (!isHex32(name)) return answer(context, reject("usage", "an object is named by 64 lower-case hex digits"));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", request.body));
  const found = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== name)
    return answer(context, reject("checksum_mismatch", `the body's SHA-256 is ${found}, not ${name}`));
  await bucket.put(objectKey(name), request.body);
  return answer(context, { sha256: name, bytes: request.body.byteLength });
});

/** Whether an object is stored already. */
siteRoutes.get("/objects/:sha256", async (context) => {
  const bucket = bucketOf(context.env);
  if (isRejection(bucket)) return answer(context, bucket);
  const name = context.req.param("sha256");
  const stored = isHex32(name) ? await bucket.head(objectKey(name)) : null;
  if (stored === null) return answer(context, reject("not_found", `there is no object ${name.slice(0, 64)}`));
  return answer(context, { sha256: name, bytes: stored.size });
});

siteRoutes.put("/", async (context) => {
  const bucket = bucketOf(context.env);
  if (isRejection(bucket)) return answer(context, bucket);
  const request = await publisher(context, LIMITS.site_manifest_bytes);
  if (isRejection(request)) return answer(context, request);
  const site = readValue(request.body, validators.isSiteManifest);
  if (isRejection(site)) return answer(context, site);
  return answer(context, await publish(bucket, site));
});

async function publish(bucket: R2Bucket, site: SiteManifest): Promise<SiteManifest | Rejection> {
  forgetCurrentSite();
  const before = await currentSite(bucket);
  if (before !== null && before.created_at > site.created_at) {
    return reject("event_superseded", "the site that is published was built later than this one");
  }
  const unordered = site.packs.find(({ first }, index) => index > 0 && first <= (site.packs[index - 1]?.first ?? ""));
  if (unordered !== undefined) {
    return reject("schema_invalid", `packs are in the order of their first paths; ${unordered.first} is not`);
  }
  const stored = await storedKeys(bucket);
  const missing = keysOf(site).find((key) => !stored.has(key));
  if (missing !== undefined) {
    return reject("not_found", `the object ${missing} has not been put yet; nothing was changed`);
  }
  await bucket.put(CURRENT, JSON.stringify(site));
  forgetCurrentSite();
  // Instances serve the one before for a moment; what neither uses goes.
  const used = new Set([...keysOf(site), ...(before === null ? [] : keysOf(before))]);
  const stale = [...stored].filter((key) => !used.has(key));
  for (let at = 0; at < stale.length; at += R2_KEYS_MAX) await bucket.delete(stale.slice(at, at + R2_KEYS_MAX));
  return site;
}

/** How many keys R2 deletes at once. */
const R2_KEYS_MAX = 1_000;

function keysOf({ packs }: SiteManifest): readonly string[] {
  return packs.map(({ object }) => objectKey(object));
}

/** Asking for names costs a request for every thousand; asking for each object would cost one for each. */
async function storedKeys(bucket: R2Bucket): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for (let cursor: string | undefined; ; ) {
    const page = await bucket.list({ prefix: objectKey(""), ...(cursor === undefined ? {} : { cursor }) });
    for (const { key } of page.objects) keys.add(key);
    if (!page.truncated) return keys;
    cursor = page.cursor;
  }
}

async function publisher(context: Context<{ Bindings: Env }>, bytes_max: number) {
  const request = await authenticate(context, bytes_max);
  if (isRejection(request)) return request;
  const named = (context.env.SITE_PUBLISHERS ?? "").split(",").map((key) => key.trim());
  if ([...named, edgePublicKey(context.env)].includes(request.caller.pubkey)) return request;
  return reject("not_permitted", `the key ${request.caller.pubkey} may not publish this edge's site`);
}

function bucketOf({ SITE }: Env): R2Bucket | Rejection {
  return SITE ?? reject("not_found", "this edge has no storage for a site");
}
