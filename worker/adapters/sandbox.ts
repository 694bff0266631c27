import type { Readable, Writable } from "node:stream";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import { bubblewrap } from "./bubblewrap.ts";
import { openProcesses } from "./process.ts";
import { seatbelt } from "./seatbelt.ts";
import { openTunnel } from "./tunnel.ts";

/** What keeps a child process in its bounds. */
export type SandboxName = "bubblewrap" | "seatbelt" | "none";

/** The checked addresses a connection may go to. A `Fault` where it may go nowhere. */
export type Connect = (host: string, port: number, signal: AbortSignal) => Promise<readonly string[]>;

/** What a child may reach of this machine and the network besides the system's own programs and libraries. */
export interface Bounds {
  /** Files and folders that may be read, with all below them: absolute, without links, there. */
  readonly read: readonly string[];
  /** The same, to be read and written. */
  readonly write: readonly string[];
  /** Asked at each connection; null: no network at all. */
  readonly connect: Connect | null;
}

/** A command as it is really started, so that the system keeps it in its bounds. */
export interface Confined {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Goes over the caller's. */
  readonly env: Readonly<Record<string, string>>;
  /** How many further pipes it gets, from descriptor 3 on. */
  readonly pipes: number;
  /**
   * Lets the command begin once it is shown that it sees what it was meant to see. False where it ended before; a
   * `Fault` path_linked where a path was swapped.
   */
  readonly admit: (pipes: readonly (Readable | Writable)[]) => Promise<boolean>;
  /** Once it has ended. */
  readonly release: () => void;
}

export interface ConfineRequest {
  /** The absolute path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly bounds: Bounds;
}

export interface Sandbox {
  readonly name: SandboxName;
  /** Why there is none on this machine; null where there is one. */
  readonly missing: string | null;
  /** Faults: sandbox_missing, path_linked, not_found. */
  readonly confine: (request: ConfineRequest) => Promise<Confined>;
}

/** Runs a program outside any sandbox and says how it ended: for the trial. */
export type Trial = (
  command: string,
  args: readonly string[],
) => Promise<{ readonly code: number; readonly stderr: string }>;

/** The only program that runs where there is no sandbox: its arguments are fixed in `git-command.ts` and `git-clone.ts`. */
const UNCONFINED = /(?:^|\/)git$/;

/** The sandbox of the machine this runs on. */
export function thisMachinesSandbox(): Promise<Sandbox> {
  const processes = openProcesses();
  return openSandbox(process.platform, (command, args) =>
    processes.run(command, args, {
      ...{ timeout_ms: LIMITS.sandbox_start_ms, max_output_bytes: LIMITS.machine_sensor_bytes },
      signal: AbortSignal.timeout(LIMITS.sandbox_start_ms),
    }),
  );
}

/**
 * This machine's sandbox, tried with a real command: one that is installed and does not work (a container without user
 * namespaces, say) is none.
 */
export async function openSandbox(platform: string, trial: Trial): Promise<Sandbox> {
  if (platform === "linux") return await orNone(() => bubblewrap(trial));
  if (platform === "darwin") return await orNone(() => seatbelt(trial));
  return noSandbox(`there is no sandbox for ${platform}`);
}

async function orNone(open: () => Promise<Sandbox>): Promise<Sandbox> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof Fault) return noSandbox(error.message);
    throw error;
  }
}

/** Refuses everything but built-in git, whose connections still go through the tunnel. */
export function noSandbox(why: string): Sandbox {
  return {
    name: "none",
    missing: why,
    confine: async ({ program, args, cwd, bounds }) => {
      if (!UNCONFINED.test(program)) {
        throw new Fault("sandbox_missing", `${program} is not started without a sandbox, and ${why}`);
      }
      const tunnel = bounds.connect === null ? null : await openTunnel(bounds.connect, { port: 0 });
      return {
        ...{ command: program, args, cwd, env: tunnel?.env ?? {}, pipes: 0 },
        admit: async () => true,
        release: () => tunnel?.close(),
      };
    },
  };
}
