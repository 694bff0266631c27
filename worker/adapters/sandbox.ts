import type { Readable, Writable } from "node:stream";
import type { Connect } from "./tunnel.ts";

/** What keeps a child process in its bounds. */
export type SandboxName = "bubblewrap" | "seatbelt" | "none";

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
