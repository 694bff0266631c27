/** `npm test [file…]`: the static gate, then every test (or the files named) with node:test. */
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = process.argv.slice(2);

function run(args: readonly string[]): void {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

if (files.length === 0) run(["scripts/check.ts"]);
const everything = ["shared/**/*.test.ts", "worker/**/*.test.ts", "test/**/*.test.ts"];
run([
  "--disable-warning=ExperimentalWarning",
  "--test",
  "--test-timeout=180000",
  // A failed test may leave something open; the gate must end all the same. At a desk the hang is worth seeing.
  ...(process.env.CI === undefined ? [] : ["--test-force-exit"]),
  ...(files.length === 0 ? everything : files),
]);
