/** `npm test [file…]`: the static gate, then every test (or the files named) with node:test. */
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = process.argv.slice(2);

/** A test that leaves something open holds its file up; a gate that nobody watches must end all the same. */
const TESTS_MS_MAX = 60 * 60_000;

function run(args: readonly string[], timeout?: number): void {
  // Asked to stop, the runner names what it was still waiting for.
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit", timeout, killSignal: "SIGINT" });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

if (files.length === 0) run(["scripts/check.ts"]);
const everything = ["shared/**/*.test.ts", "worker/**/*.test.ts", "test/**/*.test.ts"];
run(
  [
    "--disable-warning=ExperimentalWarning",
    "--test",
    "--test-timeout=180000",
    // A file for each core; Node leaves one core out, which on two is half of them. It takes the files by name: those
    // that boot runtimes come in the middle, and many small ones last, so that no core is left over at the end.
    `--test-concurrency=${availableParallelism()}`,
    // No --test-force-exit: it cuts off results that are still on their way, and a lost failure looks like none.
    ...(files.length === 0 ? everything : files),
  ],
  process.env.CI === undefined ? undefined : TESTS_MS_MAX,
);
