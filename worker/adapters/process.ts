import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { delimiter } from "node:path";
import type { Readable } from "node:stream";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { cancellation, throwIfCanceled } from "./canceled.ts";
import { marked, measureTree, type TreeUsage } from "./process-usage.ts";
import { DEFAULT_CAPS, openRunUsage, type RunChild, type RunUsage, type UsageCaps } from "./run-usage.ts";
import type { Bounds, Confined, Sandbox, SandboxName } from "./sandbox.ts";

export interface ProcessOptions {
  readonly cwd?: string;
  /** Added to the few names a child gets from this process; nothing else of its environment is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly timeout_ms: number;
  /** Of stdout and stderr together; one byte more kills the child. */
  readonly max_output_bytes: number;
  readonly signal: AbortSignal;
  /** What faults call it; the command where absent. */
  readonly called?: string;
}

export interface ProcessResult {
  /** The exit status; 128 + n where signal n ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The worker's own tools, with arguments it wrote itself: the key store, sensors, the service manager, builds. Whatever
 * is done for an upgrade goes through `ConfinedProcesses`.
 *
 * An argument array and no shell, a scrubbed environment, its own process group, and limits on time, output, memory and
 * processor time, the last two sampled over all that it starts. Ending early kills the whole tree.
 *
 * Faults: process_failed (not found, cannot start), process_output, memory_limit, cpu_limit, timeout, canceled.
 */
export interface Processes {
  readonly run: (command: string, args: readonly string[], options: ProcessOptions) => Promise<ProcessResult>;
}

/** The same for a run's steps: each child in the system's sandbox, which shows it nothing but its bounds. */
export interface ConfinedProcesses {
  /** What keeps a child in its bounds; recorded with the step. */
  readonly sandbox: SandboxName;
  /** Also sandbox_missing, sandbox_failed, path_linked. */
  readonly run: (
    command: string,
    args: readonly string[],
    options: ProcessOptions & { readonly bounds: Bounds },
  ) => Promise<ProcessResult>;
}

const INHERITED = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"] as const;
/** Marks every descendant through its environment, so that one which left the process group is still found. */
const MARK = "OA_PROCESS_TREE";

/** `caps`: the most that each child and everything it starts may use. */
export function openProcesses(caps: UsageCaps = DEFAULT_CAPS): Processes {
  return { run: (command, args, options) => run(command, args, options, openRunUsage(caps)) };
}

/** `usage`: of the run that all the children belong to; its caps are theirs together. */
export function openConfinedProcesses(sandbox: Sandbox, usage: RunUsage = openRunUsage()): ConfinedProcesses {
  return {
    sandbox: sandbox.name,
    run: async (command, args, { bounds, ...options }) => {
      const cwd = options.cwd ?? "/";
      const confined = await sandbox.confine({ program: findProgram(command), args, cwd, bounds });
      try {
        const env = { ...options.env, ...confined.env };
        return await run(command, args, { ...options, cwd: confined.cwd, env }, usage, confined);
      } finally {
        confined.release();
      }
    },
  };
}

/** The program a name stands for, without links: what is started is what was looked up. Fault: process_failed. */
function findProgram(command: string): string {
  const folders = command.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter).map((path) => `${path}/`);
  for (const folder of folders) {
    if (!`${folder}${command}`.startsWith("/")) continue;
    try {
      accessSync(`${folder}${command}`, constants.X_OK);
      return realpathSync(`${folder}${command}`);
    } catch {
      // not in this folder
    }
  }
  throw new Fault("process_failed", `${command} could not be started: it is not installed, or not on the PATH`);
}

async function run(
  command: string,
  args: readonly string[],
  options: ProcessOptions,
  usage: RunUsage,
  confined?: Confined,
): Promise<ProcessResult> {
  const { called = command } = options;
  throwIfCanceled(options.signal, called);
  if (options.cwd !== undefined && !existsSync(options.cwd)) {
    throw new Fault("process_failed", `${called} cannot start in "${options.cwd}": that folder does not exist`);
  }
  const mark = randomBytes(16).toString("hex");
  const child = start(confined ?? { command, args, pipes: 0 }, options, mark);
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let bytes = 0;
    let fault: Fault | undefined;
    const stop = (why: Fault): void => {
      if (fault !== undefined) return;
      fault = why;
      killTree(child, mark);
    };
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= options.max_output_bytes) into.push(chunk);
      else stop(new Fault("process_output", `${called} wrote more than ${options.max_output_bytes} bytes`));
    };
    const onAbort = (): void => stop(cancellation(options.signal, called));
    const timer = setTimeout(() => {
      stop(new Fault("timeout", `${called} did not end within ${options.timeout_ms} ms`, { retryable: true }));
    }, options.timeout_ms);
    options.signal.addEventListener("abort", onAbort, { once: true });
    const { unwatch } = watchUsage(called, child.pid, mark, usage, stop);
    let begun = confined === undefined;
    const admitting = confined?.admit(child.stdio.slice(3) as never).then(
      (admitted) => {
        begun = admitted;
      },
      (error: unknown) => stop(error instanceof Fault ? error : sandboxFailed(called, String(error))),
    );
    child.stdout?.on("data", collect(stdout));
    child.stderr?.on("data", collect(stderr));
    // A child that ends without reading its input closes the pipe; its exit status says what happened.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.stdin ?? "");
    child.on("error", (error) => {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      const why = missing ? "it is not installed, or not on the PATH" : error.message;
      fault ??= new Fault("process_failed", `${called} could not be started: ${why}`, { cause: error });
    });
    // What the child left running would hold the pipes open for ever.
    child.on("exit", () => signalGroup(child, "SIGKILL"));
    child.on("close", async (code, signal) => {
      clearTimeout(timer);
      unwatch();
      options.signal.removeEventListener("abort", onAbort);
      await admitting;
      if (!begun) fault ??= sandboxFailed(called, Buffer.concat(stderr).toString("utf8"));
      if (fault !== undefined) reject(fault);
      else {
        resolve({
          code: code ?? 128 + (signal === null ? 0 : (SIGNALS[signal] ?? 0)),
          stdout: Buffer.concat(stdout).toString("utf8"),
          stderr: Buffer.concat(stderr).toString("utf8"),
        });
      }
    });
  });
}

/** The sandbox could not be built: what it says, not what the command did. */
function sandboxFailed(command: string, stderr: string): Fault {
  const why = stderr.trim().split("\n").at(-1)?.slice(0, 300) || "it ended without a word";
  return new Fault("sandbox_failed", `the sandbox for ${command} could not be made: ${why}`);
}

/** Samples what a tree uses from now on, which stops it when its run is over its caps; `unwatch` ends that. */
function watchUsage(
  command: string,
  pid: number | undefined,
  mark: string,
  run: RunUsage,
  stop: (why: Fault) => void,
  before: Promise<TreeUsage | null> = Promise.resolve(null),
): { readonly sample: RunChild["sample"]; readonly unwatch: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let over = pid === undefined;
  const child = run.enter(stop);
  const sample = async (): Promise<void> => {
    const cpu_ms = (await before)?.cpu_ms ?? 0;
    const usage = pid === undefined ? null : await measureTree(pid, `${MARK}=${mark}`, listProcesses);
    if (over) return;
    if (usage !== null) child.sample({ ...usage, cpu_ms: usage.cpu_ms - cpu_ms }, command);
    next();
  };
  const next = (): void => {
    timer = setTimeout(() => void sample(), LIMITS.process_sample_ms);
  };
  if (!over) next();
  return {
    sample: child.sample,
    unwatch: () => {
      over = true;
      clearTimeout(timer);
      child.leave();
    },
  };
}

function listProcesses(): Promise<string> {
  const options = { timeout: LIMITS.process_sample_ms * 4, maxBuffer: LIMITS.process_output_bytes };
  return new Promise((resolve) => {
    // A sample that fails is one that says nothing; the next one comes.
    execFile("ps", ["-axo", "pgid=,rss=,time="], options, (_, stdout) => resolve(stdout));
  });
}

/** A child that stays, and is told and tells one line at a time. */
export interface HeldProcess {
  /** Takes each line it says; one that is longer than `line_bytes` ends it. */
  readonly listen: (line_bytes: number, onLine: (line: string) => void) => void;
  readonly send: (line: string) => void;
  /**
   * Counts what it uses from now on as a run's, until `unwatch`; `stop` is called where the run is over a cap. While
   * somebody waits for it, so does the worker's own end.
   */
  readonly watch: (usage: RunUsage, stop: (why: Fault) => void) => ReturnType<typeof watchUsage>;
  /** What it uses now, all it has computed included; null where that cannot be known, or it has ended. */
  readonly measure: () => Promise<TreeUsage | null>;
  /** Ends it with everything it started. */
  readonly kill: () => void;
  /** How it ended, in words. */
  readonly ended: Promise<string>;
}

/**
 * Starts a program of the worker's own that stays until it is killed; it has to end by itself where its stdin ends, as
 * then the worker is gone. Scrubbed like every child; in the sandbox where one is given. Faults: process_failed,
 * sandbox_failed, path_linked, not_found.
 */
export async function holdProcess(
  name: string,
  args: readonly string[],
  { sandbox, bounds }: { readonly sandbox: Sandbox | null; readonly bounds: Bounds },
): Promise<HeldProcess> {
  const program = { program: findProgram(process.execPath), args, cwd: "/", bounds };
  const confined = sandbox === null ? null : await sandbox.confine(program);
  const mark = randomBytes(16).toString("hex");
  const child = start(confined ?? { command: program.program, args, pipes: 0 }, confined ?? {}, mark);
  let said = "";
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(`it could not be started: ${error.message}`));
    child.on("exit", () => signalGroup(child, "SIGKILL"));
    child.on("close", (code, signal) => {
      confined?.release();
      const how = signal === null ? `it ended with status ${code}` : `it was ended by ${signal}`;
      resolve(`${how}${said.trim() === "" ? "" : `: ${said.trim().split("\n").at(-1)?.slice(0, 300)}`}`);
    });
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2_000);
  });
  child.stdin?.on("error", () => undefined); // it ended, which `ended` says
  /** Whether the worker's own end waits for it. */
  const hold = (waits: boolean): void => {
    for (const handle of [child, child.stdin, child.stdout, child.stderr]) {
      if (isHandle(handle)) waits ? handle.ref() : handle.unref();
    }
  };
  const kill = (): void => {
    hold(true);
    if (child.exitCode === null && child.signalCode === null) killTree(child, mark);
  };
  try {
    if (!((await confined?.admit(child.stdio.slice(3) as never)) ?? true)) throw sandboxFailed(name, said);
  } catch (error) {
    kill();
    throw error;
  }
  hold(false);
  const measure = async (): Promise<TreeUsage | null> =>
    child.pid === undefined ? null : measureTree(child.pid, `${MARK}=${mark}`, listProcesses);
  return {
    ...{ ended, measure },
    listen: (line_bytes, onLine) => eachLine(child.stdout, line_bytes, onLine, kill),
    send: (line) => void child.stdin?.write(`${line}\n`),
    kill,
    watch: (usage, stop) => {
      hold(true);
      const { sample, unwatch } = watchUsage(name, child.pid, mark, usage, stop, measure());
      return {
        sample,
        unwatch: () => {
          hold(false);
          unwatch();
        },
      };
    },
  };
}

function isHandle(one: object | null): one is Pick<ChildProcess, "ref" | "unref"> {
  return one !== null && "ref" in one && "unref" in one;
}

function eachLine(
  from: Readable | null,
  line_bytes: number,
  onLine: (line: string) => void,
  tooLong: () => void,
): void {
  let parts: Buffer[] = [];
  let bytes = 0;
  from?.on("data", (chunk: Buffer) => {
    for (let at = 0; ; ) {
      const end = chunk.indexOf(0x0a, at);
      const part = chunk.subarray(at, end < 0 ? chunk.length : end);
      parts.push(part);
      bytes += part.length;
      if (bytes > line_bytes) {
        from.destroy();
        tooLong();
        return;
      }
      if (end < 0) return;
      onLine(Buffer.concat(parts).toString("utf8"));
      [parts, bytes, at] = [[], 0, end + 1];
    }
  });
}

const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGXFSZ: 25,
};

function start(
  { command, args, pipes }: Pick<Confined, "command" | "args" | "pipes">,
  options: Pick<ProcessOptions, "cwd" | "env">,
  mark: string,
): ChildProcess {
  const env: Record<string, string> = { [MARK]: mark };
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  try {
    return spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...env, ...options.env },
      shell: false,
      detached: true, // its own process group
      stdio: ["pipe", "pipe", "pipe", ...new Array<"pipe">(pipes).fill("pipe")],
      windowsHide: true,
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Fault("process_failed", `${command} could not be started: ${why}`, { cause: error });
  }
}

/** Asks the tree to end, and after a moment ends it. */
function killTree(child: ChildProcess, mark: string): void {
  signalGroup(child, "SIGTERM");
  const timer = setTimeout(() => {
    signalGroup(child, "SIGKILL");
    for (const pid of marked(`${MARK}=${mark}`)) signal(pid, "SIGKILL");
    // A pipe held by a process that could not be found must not hold the caller.
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.stdin?.destroy();
  }, LIMITS.process_kill_ms);
  // Those that have left the group are looked for even if the group has ended by then.
  child.on("exit", () => {
    clearTimeout(timer);
    for (const pid of marked(`${MARK}=${mark}`)) signal(pid, "SIGKILL");
  });
}

function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid !== undefined) signal(-child.pid, name);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // Gone already; or, on macOS, a group of which only zombies are left.
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}
