import { spawn } from "node:child_process";
import { join } from "node:path";

const entry = join(import.meta.dirname, "..", "..", "worker", "cli", "oa.ts");

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `oa` as a user would, with nothing on stdin and no terminal. */
export function oa(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawnOa(args, env, cwd);
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Starts `oa` and leaves it to the caller. */
export function spawnOa(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
  const { NO_COLOR: _, OA_DATA: __, ...inherited } = process.env;
  return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", entry, ...args], {
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** stdout as the one JSON document it must be. */
export function document(said: Said): Record<string, unknown> {
  if (!said.stdout.endsWith("\n") || said.stdout.trimEnd().includes("\n")) {
    throw new Error(`stdout is not one line of JSON: ${said.stdout.slice(0, 500)}\n${said.stderr.slice(0, 2000)}`);
  }
  return JSON.parse(said.stdout) as Record<string, unknown>;
}
