import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { openProcesses } from "./process.ts";

/**
 * Builds the static site from a catalog into `target`, unless it was built there from the same sources and the same
 * listings. Returns whether it built. The new site takes the old one's place only when it is complete. Throws a Fault
 * with the build's own words.
 */
export async function buildSite(options: {
  readonly root: string;
  readonly target: string;
  readonly edge_url: string;
  /** What the pages are made of, in the catalog: a change makes a new site. */
  readonly catalog_version: string;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { root, target, edge_url, signal } = options;
  const site = join(root, "site");
  const stamp = await sourceStamp(site, options.catalog_version);
  const stampFile = `${target}.stamp`;
  if ((await textOf(stampFile)) === stamp) return false;
  const draft = `${target}.${process.pid}`;
  await mkdir(draft, { recursive: true });
  try {
    await runAstro(site, draft, edge_url, signal);
    await rm(stampFile, { force: true });
    await rm(target, { recursive: true, force: true });
    await rename(draft, target);
    await writeFile(stampFile, stamp);
    return true;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function sourceStamp(site: string, catalog_version: string): Promise<string> {
  const hash = createHash("sha256").update(catalog_version);
  const entries = await readdir(join(site, "src"), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of [join(site, "astro.config.mjs"), ...files.sort()]) hash.update(file).update(await readFile(file));
  return hash.digest("hex");
}

async function runAstro(site: string, out_dir: string, edge_url: string, signal: AbortSignal): Promise<void> {
  const astro = join(site, "node_modules", "astro", "bin", "astro.mjs");
  const built = await openProcesses().run(process.execPath, [astro, "build", "--outDir", out_dir, "--silent"], {
    cwd: site,
    env: { ASTRO_TELEMETRY_DISABLED: "1", OA_CATALOG_URL: edge_url, OA_SITE_URL: edge_url },
    timeout_ms: LIMITS.site_build_timeout_ms,
    max_output_bytes: LIMITS.build_output_bytes,
    signal,
  });
  if (built.code !== 0) {
    throw new Fault("internal", `the site could not be built:\n${`${built.stdout}${built.stderr}`.trim()}`);
  }
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
