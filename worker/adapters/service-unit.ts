import { lstatSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Processes, ProcessResult } from "./process.ts";
import {
  checkOrder,
  LAUNCHD_LABEL,
  launchdPlist,
  SERVICE_LOG,
  type ServiceOrder,
  SYSTEMD_UNIT,
  servesData,
  systemdUnit,
} from "./service-text.ts";

export interface ServiceStatus {
  /** Whether the unit's file is there. */
  readonly installed: boolean;
  /** Whether it says what would be written now; false after the project or Node has moved. */
  readonly current: boolean;
  /** Whether it starts the worker of another data folder. */
  readonly elsewhere: boolean;
  readonly running: boolean;
  readonly pid: number | null;
  /** The exit status it ended with last, where the manager tells. */
  readonly last_exit: number | null;
  /** What killed it last, e.g. SIGKILL, where the manager tells; then there is no exit status. */
  readonly last_signal: string | null;
  /** Whether the manager is about to start it again. */
  readonly restarting: boolean;
}

/** The worker as a service of the user's own session: nothing here needs or takes an administrator's rights. */
export interface ServiceUnit {
  readonly manager: "launchd" | "systemd";
  readonly path: string;
  readonly text: string;
  /** Where its output goes. */
  readonly log: string;
  /** Writes the unit and starts it, in place of an earlier one. Faults: process_failed, file_access. */
  readonly install: (signal: AbortSignal) => Promise<void>;
  /** Stops it and removes the unit; false where there was none. Faults: process_failed. */
  readonly uninstall: (signal: AbortSignal) => Promise<boolean>;
  readonly status: (signal: AbortSignal) => Promise<ServiceStatus>;
}

export interface ServiceHost {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly uid: number;
  /** Of this process: the user's manager is found through it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly processes: Processes;
}

type Run = (args: readonly string[], signal: AbortSignal) => Promise<ProcessResult>;

/** The unit of this platform, or why there is none. Refusals: no_service_manager, usage. */
export async function openServiceUnit(
  host: ServiceHost,
  order: ServiceOrder,
  signal: AbortSignal,
): Promise<ServiceUnit | Rejection> {
  const refusal = checkOrder(order);
  if (refusal !== null) return refusal;
  switch (host.platform) {
    case "darwin":
      return launchd(host, order);
    case "linux":
      return systemd(host, order, signal);
    default:
      return reject(
        "no_service_manager",
        `there is no service for ${host.platform}: launchd (macOS) and systemd (Linux) are supported; run oa up instead`,
      );
  }
}

function launchd(host: ServiceHost, order: ServiceOrder): ServiceUnit {
  const run = runner(host, "launchctl", []);
  const path = join(host.home, "Library", "LaunchAgents", `${LAUNCHD_LABEL}.plist`);
  const text = launchdPlist(order);
  const domain = `gui/${host.uid}`;
  const target = `${domain}/${LAUNCHD_LABEL}`;
  const isLoaded = async (signal: AbortSignal): Promise<ProcessResult | null> => {
    const printed = await run(["print", target], signal);
    return printed.code === 0 ? printed : null;
  };
  /** Ends when launchd has let go of it: loading it again before that fails. */
  const unload = async (signal: AbortSignal): Promise<void> => {
    if ((await isLoaded(signal)) === null) return;
    await run(["bootout", target], signal);
    for (let waited_ms = 0; (await isLoaded(signal)) !== null; waited_ms += 200) {
      if (waited_ms > LIMITS.service_command_ms) throw new Fault("process_failed", `launchd does not end ${target}`);
      await sleep(200, undefined, { signal });
    }
  };
  return {
    ...{ manager: "launchd", path, text, log: join(order.data_dir, SERVICE_LOG) },
    install: async (signal) => {
      await writeUnit(path, text);
      await unload(signal);
      succeed("launchctl bootstrap", await run(["bootstrap", domain, path], signal));
    },
    uninstall: async (signal) => {
      const there = (await readUnit(path)) !== null || (await isLoaded(signal)) !== null;
      await unload(signal);
      await rm(path, { force: true });
      return there;
    },
    status: async (signal) => {
      const found = await readUnit(path);
      const printed = (await isLoaded(signal))?.stdout ?? "";
      const pid = /^\s*pid = (\d+)$/m.exec(printed)?.[1];
      const last_exit = /^\s*last exit code = (\d+)/m.exec(printed)?.[1];
      return {
        ...{ installed: found !== null, current: found === text, running: pid !== undefined },
        elsewhere: found !== null && !servesData(found, order),
        ...{
          pid: pid === undefined ? null : Number(pid),
          last_exit: last_exit === undefined ? null : Number(last_exit),
        },
        ...{ last_signal: null, restarting: false },
      };
    },
  };
}

async function systemd(host: ServiceHost, order: ServiceOrder, signal: AbortSignal): Promise<ServiceUnit | Rejection> {
  const run = runner(host, "systemctl", ["--user", "--no-pager"]);
  const version = await run(["--version"], signal).catch((error: unknown) => {
    if (error instanceof Fault && error.code === "process_failed") return null;
    throw error;
  });
  const number = /^systemd (\d+)/.exec(version?.stdout ?? "")?.[1];
  if (number === undefined) {
    return reject(
      "no_service_manager",
      "this Linux has no systemd, so there is no service to install; run oa up instead",
    );
  }
  const config = host.env.XDG_CONFIG_HOME;
  const base = config?.startsWith("/") === true ? config : join(host.home, ".config");
  const path = join(base, "systemd", "user", SYSTEMD_UNIT);
  const text = systemdUnit(order);
  /** A user's manager may be missing although systemd is there: in a container, or in a shell of another user. */
  const ask = async (args: readonly string[], during: AbortSignal): Promise<ProcessResult> => {
    const result = await run(args, during);
    if (result.code !== 0 && /failed to connect|no medium found/i.test(result.stderr)) {
      const why = result.stderr.trim().split("\n")[0] ?? "";
      throw new Fault(
        "no_service_manager",
        `systemd's user manager does not answer (${why}); log in as the user itself`,
      );
    }
    return result;
  };
  const valuesOf = async (during: AbortSignal): Promise<(name: string) => string> => {
    const properties = ["ActiveState", "SubState", "MainPID"];
    properties.push("ExecMainCode", "ExecMainStatus", "ExecMainExitTimestampMonotonic");
    const shown = (await ask(["show", `--property=${properties.join(",")}`, SYSTEMD_UNIT], during)).stdout;
    return (name) => new RegExp(`^${name}=(.*)$`, "m").exec(shown)?.[1] ?? "";
  };
  /** Whether systemd runs it, or would start it, although there is no file. */
  const isLeft = async (during: AbortSignal): Promise<boolean> => {
    const link = join(dirname(path), "default.target.wants", SYSTEMD_UNIT);
    if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) return true;
    return !["inactive", "failed", ""].includes((await valuesOf(during))("ActiveState"));
  };
  return {
    ...{ manager: "systemd", path, text, log: `journalctl --user --unit ${SYSTEMD_UNIT}` },
    install: async (during) => {
      // Asked first, so that nothing is written where nobody would read it.
      await ask(["show", "--property=Version"], during);
      await writeUnit(path, text);
      succeed("systemctl daemon-reload", await ask(["daemon-reload"], during));
      succeed("systemctl enable", await ask(["enable", SYSTEMD_UNIT], during));
      await ask(["reset-failed", SYSTEMD_UNIT], during);
      succeed("systemctl restart", await ask(["restart", SYSTEMD_UNIT], during));
    },
    uninstall: async (during) => {
      if ((await readUnit(path)) === null) {
        if (!(await isLeft(during))) return false;
        // Deleted by hand, while systemd still has it: without its file it cannot be disabled.
        await writeUnit(path, text);
        succeed("systemctl daemon-reload", await ask(["daemon-reload"], during));
      }
      succeed("systemctl disable", await ask(["disable", "--now", SYSTEMD_UNIT], during));
      await rm(path, { force: true });
      succeed("systemctl daemon-reload", await ask(["daemon-reload"], during));
      return true;
    },
    status: async (during) => {
      const found = await readUnit(path);
      const value = await valuesOf(during);
      const pid = Number(value("MainPID"));
      const ended = Number(value("ExecMainExitTimestampMonotonic")) > 0;
      const killed = /^([23]|killed|dumped)$/.test(value("ExecMainCode"));
      const last = Number(value("ExecMainStatus"));
      return {
        ...{ installed: found !== null, current: found === text, running: value("ActiveState") === "active" },
        elsewhere: found !== null && !servesData(found, order),
        ...{ pid: pid > 0 ? pid : null, last_exit: ended && !killed ? last : null },
        ...{ last_signal: ended && killed ? signalName(last) : null, restarting: value("SubState") === "auto-restart" },
      };
    },
  };
}

function runner({ env, home, processes }: ServiceHost, program: string, first: readonly string[]): Run {
  const passed: Record<string, string> = { HOME: home };
  for (const name of ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "XDG_CONFIG_HOME"]) {
    const value = env[name];
    if (value !== undefined) passed[name] = value;
  }
  const limits = { timeout_ms: LIMITS.service_command_ms, max_output_bytes: LIMITS.service_output_bytes };
  return (args, signal) => processes.run(program, [...first, ...args], { env: passed, signal, ...limits });
}

function signalName(number: number): string {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
}

function succeed(what: string, { code, stderr, stdout }: ProcessResult): void {
  if (code === 0) return;
  const said = (stderr.trim() || stdout.trim()).slice(0, 500);
  throw new Fault("process_failed", `${what} failed with status ${code}${said === "" ? "" : `: ${said}`}`);
}

async function readUnit(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Fault("file_access", `${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Whole or not at all. Readable by all, as units are: there is no secret in it. */
async function writeUnit(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, text, { mode: 0o644 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new Fault("file_access", `${path} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}
