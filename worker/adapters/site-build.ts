import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { parseStrict } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import { endedIn } from "@oa/shared/moderation/mirror.ts";
import { toEvent as snapshotEvent } from "@oa/shared/nostr/30078-snapshot.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import type { SchnorrVerify } from "@oa/shared/nostr/verify.ts";
import { catalogVersion, type Mirror, mirrorCatalog } from "./catalog-mirror.ts";
import type { EdgeClient } from "./edge-client.ts";
import type { Key } from "./keys.ts";
import { openProcesses } from "./process.ts";
import { openRandom } from "./random.ts";
import { IMAGE_VERSION } from "./site-image.ts";
import { drawPictures, pictured } from "./site-pictures.ts";
import { writeSnapshot } from "./site-snapshot.ts";

/** What a site was built from. */
export interface SiteBuild {
  /** False: the site that is there is of the same catalog and the same sources. */
  readonly built: boolean;
  readonly listings: number;
  readonly root: string;
  /** Unix seconds of the snapshot its pages are dated with. */
  readonly created_at: number;
}

interface Stamp extends Omit<SiteBuild, "built"> {
  readonly version: number;
  readonly sources: string;
  /** Decisions that had ended: one more changes the pages though no event came. */
  readonly ended: number;
  /** Of all that the pages are made from: a score changes without an event of the catalog's. */
  readonly inputs: string;
}

/**
 * Builds the static site from an edge's catalog into `target`, unless it was built there from the same sources and the
 * same catalog. The new site takes the old one's place only when it is complete; a build that fails leaves the old one.
 * Faults: catalog_invalid, and site_build_failed with the build's own words.
 */
export async function buildSite(options: {
  /** The checkout. */
  readonly root: string;
  readonly target: string;
  /** The address the site will be served at. */
  readonly site_url: string;
  readonly edge: EdgeClient;
  readonly schnorr: SchnorrVerify;
  /** Signs the snapshot. */
  readonly key: Key;
  readonly now_ms: number;
  /** How many files the host takes; null: any number. Pictures of the oldest listings are what is left out. */
  readonly files_max?: number | null;
  readonly signal: AbortSignal;
}): Promise<SiteBuild | Rejection> {
  const { target, edge, schnorr, signal, files_max = LIMITS.site_files } = options;
  const site = join(options.root, "site");
  await restore(target);
  const sources = await sourcesHash(site, `${options.site_url} ${files_max} ${IMAGE_VERSION}`);
  const before = await readStamp(target);
  if (before !== null && before.sources === sources) {
    const version = await catalogVersion(edge, signal);
    if (isRejection(version)) return version;
    if (version === before.version) return { ...said(before), built: false };
  }
  const mirror = await mirrorCatalog(edge, schnorr, signal);
  if (isRejection(mirror)) return mirror;
  const { version, root, details } = mirror;
  const created_at = Math.floor(options.now_ms / 1000);
  const ended = endedIn(mirror.moderation.events, created_at);
  const inputs = createHash("sha256").update(JSON.stringify(details)).digest("hex");
  if (before?.sources === sources && before.root === root && before.ended === ended && before.inputs === inputs) {
    await writeStamp(target, { ...before, version });
    return { ...said(before), built: false };
  }
  const stamp: Stamp = { version, sources, root, ended, inputs, created_at, listings: details.length };
  const draft = `${target}.${process.pid}`;
  const snapshot = `${draft}.snapshot`;
  try {
    await writeSnapshot(snapshot, mirror, { head: signedHead(options.key, stamp, mirror), created_at });
    const shown = pictured(details, files_max);
    await writeFile(join(snapshot, "pictures.json"), JSON.stringify(shown.map(({ listing }) => listing.event_id)));
    await together(signal, [
      (stop) => runAstro(site, draft, { OA_SNAPSHOT: snapshot, OA_SITE_URL: options.site_url }, stop),
      (stop) =>
        drawPictures({ details: shown, cache: `${target}.pictures`, folder: join(snapshot, "og"), signal: stop }),
    ]);
    await rename(join(snapshot, "public"), join(draft, "snapshot"));
    await rename(join(snapshot, "og"), join(draft, "og"));
    await rm(stampFile(target), { force: true });
    await replace(target, draft);
    await writeStamp(target, stamp);
    return { ...said(stamp), built: true };
  } finally {
    await rm(draft, { recursive: true, force: true });
    await rm(snapshot, { recursive: true, force: true });
  }
}

/** Does several things at once; when one fails the others are stopped, and waited for, before it is told. */
async function together(signal: AbortSignal, acts: readonly ((signal: AbortSignal) => Promise<void>)[]): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const failures: unknown[] = [];
  const run = (act: (signal: AbortSignal) => Promise<void>): Promise<void> =>
    act(either).catch((error: unknown) => {
      failures.push(error);
      stop.abort(error);
    });
  await Promise.all(acts.map(run));
  if (failures.length > 0) throw failures[0];
}

const oldSite = (target: string): string => `${target}.old`;

/** Puts a complete folder in another's place by two renames. A crash between them is made good by the next build. */
async function replace(target: string, by: string): Promise<void> {
  await rm(oldSite(target), { recursive: true, force: true });
  if (existsSync(target)) await rename(target, oldSite(target));
  await rename(by, target);
  await rm(oldSite(target), { recursive: true, force: true });
}

async function restore(target: string): Promise<void> {
  if (!existsSync(target) && existsSync(oldSite(target))) await rename(oldSite(target), target);
}

function said({ listings, root, created_at }: Stamp): Omit<SiteBuild, "built"> {
  return { listings, root, created_at };
}

function signedHead({ secret_key }: Key, { root, listings, created_at }: Stamp, { events }: Mirror): string {
  const template = snapshotEvent({ root, listings, created_at, events: events.length });
  return `${JSON.stringify(signEvent(template, secret_key, openRandom()(32)))}\n`;
}

async function sourcesHash(site: string, site_url: string): Promise<string> {
  const hash = createHash("sha256").update(site_url);
  // The pages and what runs in them are made of shared code too.
  const folders = [join(site, "src"), join(site, "public"), join(site, "..", "shared")];
  const entries = await Promise.all(folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })));
  const files = entries
    .flat()
    .filter(
      (entry) => entry.isFile() && !/[/\\]node_modules(?:[/\\]|$)|\.test\.ts$/.test(join(entry.parentPath, entry.name)),
    )
    .map((entry) => join(entry.parentPath, entry.name));
  // Named from the checkout, wherever it is: in CI it may be elsewhere each time.
  for (const file of [join(site, "astro.config.mjs"), ...files.sort()]) {
    hash.update(relative(site, file).split(sep).join("/")).update(await readFile(file));
  }
  return hash.digest("hex");
}

/**
 * Runs the site's own build program. It works in a folder of this build alone, below the site's sources, since what it
 * writes there on the way is code that finds its packages from there.
 */
async function runAstro(
  site: string,
  draft: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const astro = join(site, "node_modules", "astro", "bin", "astro.mjs");
  const builds = join(site, ".astro", "builds");
  await sweepBuilds(builds);
  const own = await mkdtemp(join(builds, `${process.pid}-`));
  try {
    const [out_dir, cache] = [join(own, "out"), join(own, "cache")];
    const built = await openProcesses().run(process.execPath, [astro, "build", "--outDir", out_dir, "--silent"], {
      cwd: site,
      env: { ASTRO_TELEMETRY_DISABLED: "1", OA_SITE_CACHE: cache, ...env },
      timeout_ms: LIMITS.site_build_timeout_ms,
      max_output_bytes: LIMITS.build_output_bytes,
      signal,
    });
    if (built.code !== 0) {
      const words = `${built.stdout}${built.stderr}`.trim();
      throw new Fault("site_build_failed", `the site could not be built; the one that was there stays:\n${words}`);
    }
    await move(out_dir, draft);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** Removes what builds left that were killed. */
async function sweepBuilds(builds: string): Promise<void> {
  await mkdir(builds, { recursive: true });
  for (const name of await readdir(builds)) {
    const { mtimeMs } = await stat(join(builds, name));
    if (Date.now() - mtimeMs > 2 * LIMITS.site_build_timeout_ms) {
      await rm(join(builds, name), { recursive: true, force: true });
    }
  }
}

/** Across file systems too. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    await cp(from, to, { recursive: true });
  }
}

const stampFile = (target: string): string => `${target}.stamp`;

/** What the site that is there was built from; null: there is none, or it does not say. */
async function readStamp(target: string): Promise<Stamp | null> {
  let text: string;
  try {
    text = await readFile(stampFile(target), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const parsed = parseStrict(text);
  const stamp = isRejection(parsed) ? null : (parsed.value as unknown as Partial<Stamp> | null);
  return typeof stamp?.version === "number" && typeof stamp.sources === "string" && typeof stamp.inputs === "string"
    ? (stamp as Stamp)
    : null;
}

async function writeStamp(target: string, stamp: Stamp): Promise<void> {
  const file = stampFile(target);
  await writeFile(`${file}.new`, `${JSON.stringify(stamp)}\n`);
  await rename(`${file}.new`, file);
}
