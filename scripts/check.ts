/** The static gate: generated code is fresh, types and style hold, the edge deploys. `--fix` rewrites what can be. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildEdge } from "../worker/adapters/edge-build.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const fix = process.argv.includes("--fix");

function step(name: string, command: string, args: readonly string[], cwd = root): void {
  const started = performance.now();
  const result = spawnSync(command, args, { cwd, stdio: "inherit" });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (result.status !== 0) {
    process.stderr.write(`✗ ${name} (${seconds} s)\n`);
    process.exit(1);
  }
  process.stderr.write(`✓ ${name} (${seconds} s)\n`);
}

const bin = (name: string): string => join(root, "node_modules", ".bin", name);
step("generated code", process.execPath, ["schemas/codegen.ts", ...(fix ? [] : ["--check"])]);
step("style", bin("biome"), ["check", "--error-on-warnings", ...(fix ? ["--write"] : [])]);
step("types", bin("tsc"), ["-b"]);
const site = join(root, "site");
// Through astro, which first writes the collections' types that a fresh checkout lacks.
step("types of pages", process.execPath, [join(site, "node_modules/astro/bin/astro.mjs"), "check"], site);
const started = performance.now();
await buildEdge(root);
process.stderr.write(`✓ wrangler deploy --dry-run (${((performance.now() - started) / 1000).toFixed(1)} s)\n`);
