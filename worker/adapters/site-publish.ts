import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { knownReason } from "@oa/shared/core/reasons.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { SiteManifest } from "@oa/shared/generated/types.ts";
import validators from "@oa/shared/generated/validators.cjs";
import { httpAuthHeader, httpAuthTemplate } from "@oa/shared/nostr/27235-http-auth.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { Egress } from "./egress.ts";
import type { Key } from "./keys.ts";
import { openRandom } from "./random.ts";
import { packSite } from "./site-pack.ts";

/** What was published: `sent` objects were new to the edge. */
export interface PublishedSite {
  readonly site: SiteManifest;
  readonly sent: number;
  readonly objects: number;
}

/**
 * Publishes a built site at an edge: first the objects it lacks, then, in one step, the manifest that names them.
 * Refusals: the edge's own (not_permitted, event_superseded …), unreachable.
 */
export async function publishSite(options: {
  readonly folder: string;
  readonly edge_url: string;
  readonly egress: Pick<Egress, "fetch">;
  /** One the edge takes sites from: its own, or one of its SITE_PUBLISHERS. */
  readonly key: Key;
  readonly of: Pick<SiteManifest, "created_at" | "root" | "listings">;
  readonly now_ms: () => number;
  readonly signal: AbortSignal;
}): Promise<PublishedSite | Rejection> {
  const { egress, edge_url, key, signal } = options;
  const random = openRandom();
  const send = async (method: "GET" | "PUT", path: string, body?: Uint8Array<ArrayBuffer>) => {
    const url = `${edge_url}/v1/site${path}`;
    const signed = { url, method, ...(body === undefined ? {} : { body }) };
    const template = httpAuthTemplate(
      signed,
      Math.floor(options.now_ms() / 1000),
      Buffer.from(random(32)).toString("hex"),
    );
    const { status, body: said } = await egress.fetch({
      ...{ ...signed, signal },
      headers: { authorization: httpAuthHeader(signEvent(template, key.secret_key, random(32))) },
      timeout_ms: LIMITS.site_upload_timeout_ms,
      max_bytes: LIMITS.edge_answer_bytes,
    });
    return status === 200 ? null : refusalOf(edge_url, status, said);
  };
  const { objects, packs, files } = await packSite(options.folder);
  const published = await publishedObjects(edge_url, egress, signal);
  let sent = 0;
  for (const [name, bytes] of objects) {
    if (published.has(name)) continue;
    const missing = await send("GET", `/objects/${name}`);
    if (missing === null) continue;
    if (missing.code !== "not_found") return missing;
    const refused = await send("PUT", `/objects/${name}`, new Uint8Array(bytes));
    if (refused !== null) return refused;
    sent += 1;
  }
  const { created_at, root, listings } = options.of;
  const site: SiteManifest = { created_at, root, listings, files, packs };
  const refused = await send("PUT", "", new TextEncoder().encode(JSON.stringify(site)));
  return refused ?? { site, sent, objects: objects.size };
}

/** What the published site is made of, which need not be asked for one by one; nothing where there is none. */
async function publishedObjects(
  edge_url: string,
  egress: Pick<Egress, "fetch">,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const { status, body } = await egress.fetch({
    ...{ url: `${edge_url}/v1/site`, method: "GET", headers: { accept: "application/json" }, signal },
    timeout_ms: LIMITS.site_upload_timeout_ms,
    max_bytes: LIMITS.site_manifest_bytes,
  });
  const parsed = parseStrict(new TextDecoder().decode(body), { bytes: LIMITS.site_manifest_bytes });
  const site = status !== 200 || isRejection(parsed) ? null : parsed.value;
  return new Set(validators.isSiteManifest(site) ? site.packs.map(({ object }) => object) : []);
}

function refusalOf(edge_url: string, status: number, body: Uint8Array): Rejection {
  const parsed = parseStrict(new TextDecoder().decode(body));
  const value = isRejection(parsed) ? null : parsed.value;
  const { error } = (value ?? {}) as { readonly error?: { readonly code?: string; readonly message?: string } };
  return reject(knownReason(error?.code, "unreachable"), error?.message ?? `${edge_url} answered ${status}`);
}
