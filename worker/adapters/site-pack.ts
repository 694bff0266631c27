import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { shardOf } from "@oa/shared/core/site-path.ts";
import type { SiteManifest, SiteShard } from "@oa/shared/generated/types.ts";

/** A built site as few objects: its files one after the other in packs, and shards that say where each path is. */
export interface PackedSite {
  readonly objects: ReadonlyMap<string, Uint8Array>;
  readonly shards: SiteManifest["shards"];
  readonly packs: SiteManifest["packs"];
  readonly files: number;
}

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".ndjson": "application/x-ndjson; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};
const GZIP_BYTES_MIN = 400;

/** Packs a folder, the same files always into the same objects. Fault: too_large, for a file no object could hold. */
export async function packSite(folder: string): Promise<PackedSite> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => `/${relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/")}`)
    .sort();
  const objects = new Map<string, Uint8Array>();
  const packs: string[] = [];
  const count = Math.min(256, 2 ** Math.ceil(Math.log2(Math.max(1, paths.length / LIMITS.site_shard_files))));
  const shards: Record<string, NonNullable<SiteShard[string]>>[] = Array.from({ length: count }, () => ({}));
  let [parts, bytes]: [Uint8Array[], number] = [[], 0];
  const flush = (): void => {
    packs.push(keep(objects, Buffer.concat(parts)));
    [parts, bytes] = [[], 0];
  };
  for (const path of paths) {
    const plain = await readFile(join(folder, path));
    const packed =
      plain.byteLength >= GZIP_BYTES_MIN && extname(path) !== ".png" ? gzipSync(plain, { level: 9 }) : plain;
    const gzip = packed.byteLength < plain.byteLength;
    const body = gzip ? packed : plain;
    if (body.byteLength > LIMITS.site_object_bytes) {
      throw new Fault(
        "too_large",
        `${path} is ${body.byteLength} bytes, over the limit of ${LIMITS.site_object_bytes}`,
      );
    }
    const full = bytes + body.byteLength > LIMITS.site_pack_bytes;
    if (bytes > 0 && (full || (bytes > LIMITS.site_pack_bytes / 4 && beginsPack(path)))) flush();
    const shard = shards[shardOf(path, count)] ?? {};
    shard[path] = {
      ...{ pack: packs.length, offset: bytes, bytes: body.byteLength, gzip, sha256: sha256(plain) },
      type: TYPES[extname(path)] ?? typeOfXml(path),
    };
    parts.push(body);
    bytes += body.byteLength;
  }
  flush();
  const names = shards.map((shard) => keep(objects, Buffer.from(JSON.stringify(shard))));
  return { objects, shards: names, packs, files: paths.length };
}

/** Packs begin at names that say so, so that a new file changes the pack it is in and not all that come after it. */
function beginsPack(path: string): boolean {
  return sha256(Buffer.from(path)).startsWith("00");
}

function typeOfXml(path: string): string {
  if (path.endsWith("/atom.xml")) return "application/atom+xml; charset=utf-8";
  return path.endsWith(".xml") ? "application/xml; charset=utf-8" : "application/octet-stream";
}

function keep(objects: Map<string, Uint8Array>, bytes: Uint8Array): string {
  const name = sha256(bytes);
  objects.set(name, bytes);
  return name;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
