import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const entry = join(import.meta.dirname, "..", "..", "worker", "cli", "oa.mjs");

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

const signed = new Map<string, number>();

/**
 * Lets an author sign in a later second than it last did, and waits for that second only where it is not there yet: an
 * addressable event replaces another of a later second only.
 */
export async function inLaterSecond<T>(author: string, act: () => Promise<T>): Promise<T> {
  const second = (): number => Math.floor(Date.now() / 1_000);
  while (second() <= (signed.get(author) ?? 0)) await sleep(1_000 - (Date.now() % 1_000));
  const done = await act();
  signed.set(author, second());
  return done;
}

/** A long-running `oa` that has said, with --json, that it is ready. */
export interface Running {
  readonly child: ReturnType<typeof spawnOa>;
  /** What it said. */
  readonly said: Readonly<Record<string, unknown>>;
  readonly url: string;
  readonly pid: number;
  readonly token_path: string;
  readonly stderr: () => string;
}

const running = new Set<ReturnType<typeof spawnOa>>();

/** Starts `oa up` or `oa edge` and waits until it is ready; throws with its own words where it is not. */
export async function startOa(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const child = spawnOa([...args, "--json"], env);
  running.add(child);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const first = await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => null)]);
  if (first === null) throw new Error(`oa ${args.join(" ")} did not start: ${stderr}`);
  const said = JSON.parse(String(first[0])) as Readonly<Record<string, unknown>>;
  const { url, pid, token_path } = said as Pick<Running, "url" | "pid" | "token_path">;
  return { child, said, url, pid, token_path, stderr: () => stderr };
}

/** Ends it and resolves to its exit status. */
export async function down({ child }: Running, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  const exited = once(child, "exit");
  child.kill(signal);
  running.delete(child);
  return (await exited)[0] as number | null;
}

/** Leaves nothing running behind a test that failed. */
export function killDaemons(): void {
  for (const child of running) child.kill("SIGKILL");
}
