// The one entry of every package script. Dependency-free, so that any Node >= 20 can run it: it brings the
// project's own Node and pnpm (from npm, only where the machine lacks them), installs when the lockfile has
// changed, and runs the tool. Set-up speaks on stderr; stdout belongs to the command.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE_MAJOR = 24;
const NODE_VERSION = "24.21.0";
const PNPM_VERSION = "12.21.0";
const windows = process.platform === "win32";
const bootstrapBin = join(root, ".bootstrap", "node_modules", ".bin");

/** npm's own settings, inherited by a child, would change what pnpm and the tools do. */
function cleanEnv() {
  const env = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^npm_(config|package|lifecycle)_/i.test(name)) env[name] = value;
  }
  return {
    ...env,
    ASTRO_TELEMETRY_DISABLED: "1",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_WRITE_LOGS: "false",
  };
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function setUp(name, args, env) {
  const result = spawnSync(name, args, { cwd: root, env, encoding: "utf8", shell: windows });
  if (result.error) fail(`set-up: ${name} could not be started: ${result.error.message}`);
  if (result.status !== 0) fail(`set-up: ${name} ${args.join(" ")} failed\n${result.stdout}${result.stderr}`);
}

function versionOf(command, env) {
  const result = spawnSync(command, ["--version"], { env, encoding: "utf8", shell: windows });
  return result.status === 0 ? result.stdout.trim().replace(/^v/, "") : "";
}

function ensureTools(env) {
  const needs = [];
  const nodeHere = Number(process.versions.node.split(".")[0]) >= NODE_MAJOR;
  if (!nodeHere && versionOf(join(bootstrapBin, "node"), env) !== NODE_VERSION) needs.push(`node@${NODE_VERSION}`);
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "pnpm-lock.yaml")))
    .update(readFileSync(join(root, "pnpm-workspace.yaml")))
    .digest("hex");
  const stampFile = join(root, "node_modules", ".oa-install-stamp");
  const stale = !existsSync(stampFile) || readFileSync(stampFile, "utf8") !== lock;
  let pnpm = "pnpm";
  if (stale && !versionOf(pnpm, env).startsWith(`${PNPM_VERSION.split(".")[0]}.`)) {
    pnpm = join(bootstrapBin, "pnpm");
    if (versionOf(pnpm, env) !== PNPM_VERSION) needs.push(`pnpm@${PNPM_VERSION}`);
  }
  if (needs.length > 0) {
    process.stderr.write(`set-up: ${needs.join(", ")} from npm …\n`);
    mkdirSync(join(root, ".bootstrap"), { recursive: true });
    // --no-save keeps what an earlier set-up put there only if it is named again.
    const all = new Set([...needs, ...(nodeHere ? [] : [`node@${NODE_VERSION}`]), `pnpm@${PNPM_VERSION}`]);
    setUp(
      "npm",
      ["install", "--prefix", ".bootstrap", "--no-audit", "--no-fund", "--no-package-lock", "--no-save", ...all],
      env,
    );
  }
  const node = nodeHere ? process.execPath : join(bootstrapBin, windows ? "node.cmd" : "node");
  if (stale) {
    process.stderr.write("set-up: installing packages …\n");
    rmSync(stampFile, { force: true });
    const path = `${dirname(node)}${windows ? ";" : ":"}${env.PATH ?? ""}`;
    setUp(pnpm, ["install", "--frozen-lockfile"], { ...env, PATH: path, CI: "true" });
    writeFileSync(stampFile, lock);
  }
  return node;
}

const env = cleanEnv();
const [task = "", ...args] = process.argv.slice(2);
const node = ensureTools(env);
env.PATH = `${dirname(node)}${windows ? ";" : ":"}${join(root, "node_modules", ".bin")}${windows ? ";" : ":"}${env.PATH ?? ""}`;
const tasks = {
  start: ["worker/start.ts"],
  oa: ["worker/cli/oa.mjs"],
  test: ["scripts/test.ts"],
  check: ["scripts/check.ts"],
  fix: ["scripts/check.ts", "--fix"],
  codegen: ["schemas/codegen.ts"],
  bench: ["test/bench/run.ts"],
};
const script = tasks[task];
if (script === undefined) fail(`unknown task ${JSON.stringify(task)}; one of: ${Object.keys(tasks).join(", ")}`);
// What Node has compiled once serves every later process of this checkout: half of a command's start.
env.NODE_COMPILE_CACHE ??= join(root, "node_modules", ".cache", "compiled");
// A checkout's commands speak to the worker that its `npm start` made, unless they are told otherwise.
if (task === "oa") env.OA_DATA ??= join(root, ".data");
// A CLI command sees the folder its user stands in; npm would otherwise have moved to the root.
const cwd = task === "oa" ? (process.env.INIT_CWD ?? process.cwd()) : root;
const child = spawn(
  node,
  ["--disable-warning=ExperimentalWarning", join(root, script[0]), ...script.slice(1), ...args],
  { cwd, env, stdio: "inherit" },
);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`${script[0]} could not be started: ${error.message}`));
child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + (signal === "SIGINT" ? 2 : 15)));
