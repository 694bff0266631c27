import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { CodeRunParams, CodeRunResult } from "@oa/shared/generated/types.ts";
import { isGitFolder } from "../adapters/file-faults.ts";
import type { ProcessResult } from "../adapters/process.ts";
import type { Bounds } from "../adapters/sandbox.ts";
import type { OpContext } from "./op.ts";

const RUNNER = resolve(import.meta.dirname, "../adapters/wasi-runner.ts");
/** Tells Node that the runner is a module. */
const PACKAGE = resolve(import.meta.dirname, "../package.json");
const PAGE_BYTES = 65_536;
/** For Node itself, besides the module's own memory. */
const RUNNER_HEAP_MB = 128;

/**
 * Runs a program that the upgrade brings: the bytes its author signed for, in the sandbox, without network and
 * environment, with the named folders and nothing else, within memory, time and output.
 *
 * Faults: code_packages_off, sandbox_missing, platform_unsupported, code_failed, those of `CodePackages`,
 * `GrantedFiles` and `ConfinedProcesses`.
 */
export async function codeRun(params: CodeRunParams, context: OpContext): Promise<CodeRunResult> {
  const { code, files, processes, egress, signal } = context;
  const { kind = "wasi", url, sha256, bytes, args = [] } = params;
  if (code === undefined) {
    throw new Fault(
      "code_packages_off",
      "programs that upgrades bring are off on this worker: its owner can set code_packages to true in config.json",
    );
  }
  if (processes.sandbox === "none") {
    throw new Fault("sandbox_missing", "programs that upgrades bring run only in a sandbox, and this machine has none");
  }
  const native = kind === "macos_plugin";
  if (native && process.platform !== "darwin") {
    throw new Fault("platform_unsupported", `${url} is a program for macOS, and this machine runs ${process.platform}`);
  }
  const read = await Promise.all((params.read ?? []).map((path) => files.folder(path, "read")));
  const write = await Promise.all((params.write ?? []).map((path) => files.folder(path, "write")));
  const program = await code.open({ type: kind, url, sha256, bytes }, { native, egress, signal });
  const bounds: Bounds = { read: [program, ...read, ...gitFolders(write)], write, connect: null };
  const folders = Object.fromEntries([
    ...read.map((path, index) => [`/read/${index}`, path] as const),
    ...write.map((path, index) => [`/write/${index}`, path] as const),
  ]);
  const order = JSON.stringify({ module: program, sha256, args, folders });
  const started_ms = performance.now();
  const limits = {
    // Not the runner: its owner never heard of it.
    ...{ cwd: "/", stdin: params.stdin ?? "", signal, called: `the program ${url}` },
    // The engine's own limit of the step comes first; this one is for whoever calls without it.
    timeout_ms: LIMITS.code_run_ms,
    max_output_bytes: params.max_output_bytes ?? 100_000,
  };
  const ended = native
    ? await processes.run(program, args, { ...limits, bounds })
    : await processes.run(process.execPath, [...nodeFlags(params), RUNNER, order], {
        ...{ ...limits, bounds: { ...bounds, read: [RUNNER, PACKAGE, ...bounds.read] } },
      });
  if (ended.code !== 0) throw failed(url, ended);
  await files.settle();
  const { stdout, stderr } = ended;
  return { stdout, stderr, duration_ms: Math.round(performance.now() - started_ms) };
}

function nodeFlags({ memory_mb = 256 }: CodeRunParams): readonly string[] {
  const pages = Math.floor((memory_mb * 1_048_576) / PAGE_BYTES);
  return ["--no-warnings", `--wasm-max-mem-pages=${pages}`, `--max-old-space-size=${RUNNER_HEAP_MB}`];
}

/** Git runs programs that its own folders name, so a program that an upgrade brings may not write there. */
function gitFolders(write: readonly string[]): readonly string[] {
  const inside = write.find((path) => path.split("/").some(isGitFolder));
  if (inside !== undefined) {
    throw new Fault("path_not_granted", `"${inside}" is inside git's own folder, which runs programs it names`);
  }
  return write.map((path) => join(path, ".git")).filter((path) => existsSync(path));
}

function failed(url: string, { code, stderr }: ProcessResult): Fault {
  // Whole: it is cut where secrets are taken out first, since a cut would hide the end of one.
  const said =
    stderr
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/\p{Cc}+/gu, " ") ?? "";
  const details = { exit_code: code };
  return new Fault("code_failed", `${url} ended with ${code}${said === "" ? "" : `: ${said}`}`, { details });
}
