import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { SiteIndex, SiteManifest } from "@oa/shared/generated/types.ts";

/**
 * A built site as few objects: its files in the order of their paths, one after the other in packs, each of which says at
 * its beginning where its files are.
 */
export interface PackedSite {
  readonly objects: ReadonlyMap<string, Uint8Array>;
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

/**
 * Packs a folder, the same files always into the same objects. Where a pack begins is said by the names of files alone, so
 * that a file that changes or comes changes the pack it is in, and no other. Fault: too_large, for a file no object holds.
 */
export async function packSite(folder: string): Promise<PackedSite> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => `/${relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/")}`)
    .sort();
  const aim = packBytes(paths.length);
  const full = Math.min(4 * aim, LIMITS.site_pack_bytes_max);
  const objects = new Map<string, Uint8Array>();
  const packs: SiteManifest["packs"][number][] = [];
  let [open, bytes]: [PackedFile[], number] = [[], 0];
  const flush = (): void => {
    const [first] = open;
    if (first === undefined) return;
    const { index, object } = joined(open);
    const name = sha256(object);
    objects.set(name, object);
    packs.push({ first: first.path, object: name, index_bytes: index.byteLength });
    [open, bytes] = [[], 0];
  };
  for (const path of paths) {
    const file = await packFile(folder, path);
    const size = file.body.byteLength;
    if (bytes + size > full || (bytes > aim / 4 && beginsPack(path, aim))) flush();
    open.push(file);
    bytes += size;
  }
  flush();
  return { objects, packs, files: paths.length };
}

interface PackedFile {
  readonly path: string;
  readonly body: Uint8Array;
  readonly gzip: boolean;
  readonly sha256: string;
}

async function packFile(folder: string, path: string): Promise<PackedFile> {
  const plain = await readFile(join(folder, path));
  const packed = plain.byteLength >= GZIP_BYTES_MIN && extname(path) !== ".png" ? gzipSync(plain, { level: 9 }) : plain;
  const gzip = packed.byteLength < plain.byteLength;
  return { path, body: gzip ? packed : plain, gzip, sha256: sha256(plain) };
}

function joined(files: readonly PackedFile[]): { readonly index: Uint8Array; readonly object: Uint8Array } {
  const places: Record<string, NonNullable<SiteIndex[string]>> = {};
  let offset = 0;
  for (const { path, body, gzip, sha256 } of files) {
    const type = TYPES[extname(path)] ?? typeOfXml(path);
    places[path] = { offset, bytes: body.byteLength, gzip, sha256, type };
    offset += body.byteLength;
  }
  const index = Buffer.from(JSON.stringify(places));
  const object = Buffer.concat([index, ...files.map(({ body }) => body)]);
  if (object.byteLength > LIMITS.site_object_bytes) {
    const paths = files.map(({ path }) => path).join(", ");
    throw new Fault("too_large", `${paths}: ${object.byteLength} bytes, over the limit of ${LIMITS.site_object_bytes}`);
  }
  return { index, object };
}

/** How large packs are to be: small, so that little is sent again, and few enough for a manifest, however large the site. */
function packBytes(files: number): number {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, files * 8)));
  return Math.min(Math.max(wanted, LIMITS.site_pack_bytes_min), LIMITS.site_pack_bytes);
}

/** A file has some twelve kilobytes: so many of them make a pack of the size that is aimed at. */
function beginsPack(path: string, aim: number): boolean {
  return Number.parseInt(sha256(Buffer.from(path)).slice(0, 8), 16) % (aim / 16_384) === 0;
}

function typeOfXml(path: string): string {
  if (path.endsWith("/atom.xml")) return "application/atom+xml; charset=utf-8";
  return path.endsWith(".xml") ? "application/xml; charset=utf-8" : "application/octet-stream";
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
