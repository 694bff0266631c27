import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { openProcesses } from "./process.ts";

/** What the bundle is made of; a change in any of it makes a new bundle. */
const SOURCES = ["edge", "shared", "schemas/api", "schemas/nostr", "wrangler.toml", "pnpm-lock.yaml"];
const BUILD_MS_MAX = LIMITS.edge_build_timeout_ms;

/**
 * The folder of the edge's bundle for the sources as they are, built by `wrangler deploy --dry-run` where it is not
 * there yet. Several processes may ask at once: one builds, the others wait. Throws a Fault where the build fails.
 */
export async function buildEdge(root: string): Promise<string> {
  const built = join(root, ".cache", "edge");
  const target = join(built, sourceHash(root));
  const deadline = Date.now() + BUILD_MS_MAX;
  for (;;) {
    if (existsSync(join(target, "index.js"))) return target;
    if (await takeLock(`${target}.lock`)) break;
    if (Date.now() > deadline) throw new Fault("timeout", "another process has been building the edge for too long");
    await sleep(100);
  }
  try {
    if (existsSync(join(target, "index.js"))) return target;
    // The bundler wants the assets' folder to exist, even if the site is not built yet.
    await mkdir(join(root, "site", "dist"), { recursive: true });
    const draft = `${target}.${process.pid}`;
    await runWrangler(root, draft);
    await rename(draft, target);
    await removeOld(built, target);
    return target;
  } finally {
    await rm(`${target}.lock`, { recursive: true, force: true });
  }
}

function sourceHash(root: string): string {
  const hash = createHash("sha256");
  for (const source of SOURCES) {
    const path = join(root, source);
    const files = statSync(path).isFile()
      ? [path]
      : readdirSync(path, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && !/\.test\.ts$/.test(entry.name))
          .map((entry) => join(entry.parentPath, entry.name))
          .filter((file) => !file.includes("node_modules"))
          .sort();
    for (const file of files) hash.update(file.slice(root.length)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 32);
}

/** A folder is made by one process only. One left behind by a process that died is taken over. */
async function takeLock(path: string): Promise<boolean> {
  await mkdir(join(path, ".."), { recursive: true });
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const held = await stat(path).catch(() => null);
  if (held !== null && Date.now() - held.mtimeMs > BUILD_MS_MAX) await rm(path, { recursive: true, force: true });
  return false;
}

async function runWrangler(root: string, outdir: string): Promise<void> {
  const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
  if (!existsSync(wrangler)) {
    throw new Fault("not_found", `the edge is not built and wrangler is not installed: run npm install in ${root}`);
  }
  const built = await openProcesses().run(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", outdir], {
    cwd: root,
    env: {
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_HIDE_BANNER: "true",
      WRANGLER_SEND_ERROR_REPORTS: "false",
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_WRITE_LOGS: "false",
    },
    timeout_ms: BUILD_MS_MAX,
    max_output_bytes: LIMITS.build_output_bytes,
    signal: AbortSignal.timeout(BUILD_MS_MAX),
  });
  if (built.code !== 0) {
    throw new Fault("internal", `the edge could not be built:\n${`${built.stdout}${built.stderr}`.trim()}`);
  }
}

/** Bundles of older sources; the recent ones may still be starting somewhere. */
async function removeOld(built: string, target: string): Promise<void> {
  for (const name of await readdir(built)) {
    const path = join(built, name);
    if (path.startsWith(target)) continue;
    const info = await stat(path).catch(() => null);
    if (info !== null && Date.now() - info.mtimeMs > LIMITS.edge_build_kept_ms)
      await rm(path, { recursive: true, force: true });
  }
}
