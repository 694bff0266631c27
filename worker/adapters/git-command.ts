import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { ConfinedProcesses } from "./process.ts";
import type { Bounds } from "./sandbox.ts";

/**
 * Git as this program runs it: fixed arguments, no configuration but ours, no hooks, filters, submodules, prompts or
 * helpers, one transport, in the sandbox. Where there is none this is all that keeps git in its bounds, so what runs is
 * only what is written here and in `git-source.ts` and `git-clone.ts`.
 */
export interface Git {
  /** Stdout of a git that ended with 0. Faults: disk_full, git_failed, and those of `Processes`. */
  readonly run: (args: readonly string[]) => Promise<string>;
}

export interface GitOptions {
  readonly cwd: string;
  /** The one transport that may be used. */
  readonly protocol: "https" | "http" | "file" | "none";
  readonly bounds: Bounds;
  /** A file of settings that a local source's own git also reads. */
  readonly global_config?: string;
  readonly signal: AbortSignal;
}

const SETTINGS = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.askPass=",
  "core.attributesFile=/dev/null",
  "core.excludesFile=/dev/null",
  "core.protectHFS=true",
  "core.protectNTFS=true",
  "credential.helper=",
  "fetch.recurseSubmodules=false",
  "fetch.writeCommitGraph=false",
  "gc.auto=0",
  "http.followRedirects=false",
  "maintenance.auto=false",
  "protocol.version=2",
  "submodule.recurse=false",
];

const ENVIRONMENT = {
  GIT_ASKPASS: "false",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_LFS_SKIP_SMUDGE: "1",
  GIT_NO_LAZY_FETCH: "1",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_PROTOCOL_FROM_USER: "0",
  GIT_SSH_COMMAND: "false",
  GIT_TERMINAL_PROMPT: "0",
  HOME: "/var/empty",
  LC_ALL: "C",
  SSH_ASKPASS: "false",
  XDG_CONFIG_HOME: "/var/empty",
};

export function openGit(processes: ConfinedProcesses, options: GitOptions): Git {
  const { bounds } = options;
  // The tunnel's address comes through the environment, which only this user can read.
  const proxy = bounds.connect === null ? ["http.proxy="] : [];
  const settings = [...SETTINGS, ...proxy].flatMap((setting) => ["-c", setting]);
  return {
    run: async (args) => {
      const result = await processes.run("git", [...settings, ...args], {
        ...{ cwd: options.cwd, bounds },
        env: {
          ...ENVIRONMENT,
          GIT_ALLOW_PROTOCOL: options.protocol,
          GIT_CONFIG_GLOBAL: options.global_config ?? "/dev/null",
        },
        timeout_ms: LIMITS.git_ms,
        max_output_bytes: LIMITS.process_output_bytes,
        signal: options.signal,
      });
      if (result.code !== 0) throw gitFault(args, result.code, result.stderr);
      return result.stdout;
    },
  };
}

function gitFault(args: readonly string[], code: number, stderr: string): Fault {
  const details = { args: [...args], code };
  if (/No space left on device|Disk quota exceeded/i.test(stderr)) {
    return new Fault("disk_full", "there is no room for the repository: nothing was changed", {
      retryable: true,
      details,
    });
  }
  // The last thing git calls an error says most; control characters would write into the owner's terminal.
  const lines = stderr.split("\n").filter((line) => /^(?:fatal|error):/.test(line));
  const why = (lines.at(-1) ?? stderr.trim()).replace(/^(?:fatal|error): /, "").replace(/\p{Cc}+/gu, " ");
  const command = args.find((argument) => !argument.startsWith("-")) ?? "";
  return new Fault("git_failed", `git ${command} failed: ${why.slice(0, 300)}`, { retryable: true, details });
}
