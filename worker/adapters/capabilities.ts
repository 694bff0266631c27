import { readdir, statfs } from "node:fs/promises";
import { availableParallelism, release, totalmem } from "node:os";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { WorkerCapabilities } from "@oa/shared/upgrade/compatibility.ts";
import type { Processes } from "./process.ts";
import type { SandboxName } from "./sandbox.ts";

export type MachineCapabilities = Omit<WorkerCapabilities, "backends">;

/** What a machine can say about itself; a test gives one of its own. */
export interface CapabilitySource {
  readonly platform: string;
  readonly arch: string;
  /** The first line a program prints; null where there is no such program. */
  readonly ask: (program: string, args: readonly string[], signal: AbortSignal) => Promise<string | null>;
  /** The names in a folder; null where it cannot be listed. */
  readonly list: (path: string) => Promise<readonly string[] | null>;
  readonly disk_free_mb: () => Promise<number | null>;
  readonly sandbox: SandboxName;
}

const MB = 1_000_000;

/** Measures this machine. What cannot be measured is null, never a guess. */
export async function measureCapabilities(source: CapabilitySource, signal: AbortSignal): Promise<MachineCapabilities> {
  const { platform } = source;
  const [git, gpu, disk_free_mb] = await Promise.all([
    source.ask("git", ["--version"], signal),
    gpuOf(source),
    source.disk_free_mb(),
  ]);
  return {
    platform: platform === "darwin" ? "macos" : platform,
    os_release: release(),
    arch: source.arch,
    node_version: process.versions.node,
    cpu_count: availableParallelism(),
    ram_mb: Math.floor(totalmem() / MB),
    disk_free_mb,
    gpu,
    tools: { git: git === null ? null : git.replace(/^git version /, "") },
    sandbox: source.sandbox === "none" ? null : source.sandbox,
  };
}

/** Apple silicon always has one; on Linux the kernel's device files say so. Their absence says nothing in a container. */
async function gpuOf({ platform, arch, list }: CapabilitySource): Promise<WorkerCapabilities["gpu"]> {
  if (platform === "darwin") {
    return arch === "arm64" ? { present: true, name: "Apple GPU" } : { present: null, name: null };
  }
  const devices = (await list("/dev")) ?? [];
  if (devices.some((name) => /^nvidia\d+$/.test(name))) return { present: true, name: "NVIDIA" };
  if (devices.includes("kfd")) return { present: true, name: "AMD" };
  const rendering = ((await list("/dev/dri")) ?? []).some((name) => name.startsWith("renderD"));
  // A virtual machine's display has such a device too.
  return { present: null, name: rendering ? "a render device of unknown kind" : null };
}

/** This machine, measured at most every `LIMITS.capabilities_kept_ms`. */
export function thisMachinesCapabilities(
  processes: Processes,
  data_dir: string,
  sandbox: SandboxName,
): (signal: AbortSignal) => Promise<MachineCapabilities> {
  const source: CapabilitySource = {
    platform: process.platform,
    ...{ arch: process.arch, sandbox },
    ask: async (program, args, signal) => {
      const options = { timeout_ms: LIMITS.machine_sensor_ms, max_output_bytes: LIMITS.machine_sensor_bytes, signal };
      try {
        const { code, stdout } = await processes.run(program, args, options);
        return code === 0 ? (stdout.split("\n")[0] ?? "").trim() : null;
      } catch (error) {
        if (error instanceof Fault && error.code === "process_failed") return null;
        throw error;
      }
    },
    list: (path) => readdir(path).catch(() => null),
    disk_free_mb: async () => {
      try {
        const { bavail, bsize } = await statfs(data_dir);
        return Math.floor((bavail * bsize) / MB);
      } catch {
        return null; // unknown is an answer here
      }
    },
  };
  let kept: { readonly at_ms: number; readonly capabilities: MachineCapabilities } | null = null;
  return async (signal) => {
    const now_ms = performance.now();
    if (kept !== null && now_ms - kept.at_ms < LIMITS.capabilities_kept_ms) return kept.capabilities;
    const capabilities = await measureCapabilities(source, signal);
    kept = { at_ms: now_ms, capabilities };
    return capabilities;
  };
}
