import { LIMITS } from "../core/limits.ts";
import type { ModelBackend, UpgradeManifest } from "../generated/types.ts";
import type { PlannedStep } from "./plan.ts";

/** What a worker measured about itself; null: it could not be measured, which is not the same as none. */
export interface WorkerCapabilities {
  /** `macos`, `linux`, or what the system calls itself. */
  readonly platform: string;
  readonly os_release: string;
  readonly arch: string;
  readonly node_version: string;
  readonly cpu_count: number;
  readonly ram_mb: number;
  /** Free where the worker keeps its data. */
  readonly disk_free_mb: number | null;
  readonly gpu: { readonly present: boolean | null; readonly name: string | null };
  /** Versions; null where the program is not there. */
  readonly tools: Readonly<Record<"git", string | null>>;
  /** The operating system's sandbox; null where there is none. */
  readonly sandbox: string | null;
  readonly backends: readonly {
    readonly backend: ModelBackend;
    readonly available: boolean;
    readonly reason: string;
  }[];
}

/** Why an upgrade cannot run on a worker, or, where something is unknown, may not. */
export interface Obstacle {
  readonly subject:
    | "platform"
    | "backend"
    | "disk"
    | "ram"
    | "gpu"
    | "tool"
    | "op"
    | "input"
    | "secret"
    | "host"
    | "policy"
    | "version"
    | "install"
    | "schedule"
    | "manifest";
  readonly certain: boolean;
  readonly needs: string;
  readonly has: string;
  readonly message: string;
  readonly fix: string;
}

/** Programs that ops start. */
const TOOL_OF: Readonly<Record<string, "git" | undefined>> = { "git.clone": "git" };

/** Every reason by which a manifest does not fit a worker, in the order in which an owner would look. */
export function obstaclesOf(
  manifest: UpgradeManifest,
  /** Null where inputs are missing: what hangs on them is left out. */
  steps: readonly PlannedStep[] | null,
  worker: WorkerCapabilities,
): readonly Obstacle[] {
  return [
    ...platformObstacles(manifest, worker),
    ...toolObstacles(manifest, worker),
    ...backendObstacles(manifest, steps, worker),
    ...resourceObstacles(manifest, worker),
  ];
}

function platformObstacles({ capabilities }: UpgradeManifest, { platform }: WorkerCapabilities): readonly Obstacle[] {
  const platforms: readonly string[] = capabilities.platforms;
  if (platforms.includes(platform)) return [];
  const needs = platforms.join(" or ");
  return [
    {
      ...{ subject: "platform", certain: true, needs, has: platform },
      message: `it runs on ${needs}, and this machine is ${platform}`,
      fix: `install it on a worker that runs ${needs}, or ask the author for ${platform}`,
    },
  ];
}

function toolObstacles({ pipeline }: UpgradeManifest, { tools, platform }: WorkerCapabilities): readonly Obstacle[] {
  const needed = new Set(pipeline.flatMap(({ op }) => (Object.hasOwn(TOOL_OF, op) ? [TOOL_OF[op]] : [])));
  return [...needed].flatMap((tool): readonly Obstacle[] => {
    if (tool === undefined || tools[tool] !== null) return [];
    const fix = platform === "macos" ? "run xcode-select --install" : `install the package ${tool}`;
    return [
      {
        subject: "tool",
        certain: true,
        needs: tool,
        has: "not found",
        message: `it uses ${tool}, which is not here`,
        fix,
      },
    ];
  });
}

/** A backend that a step names must be there; of those only declared, one is enough. */
function backendObstacles(
  { capabilities }: UpgradeManifest,
  steps: readonly PlannedStep[] | null,
  worker: WorkerCapabilities,
): readonly Obstacle[] {
  const statusOf = (name: string) => worker.backends.find(({ backend }) => backend === name);
  const named = new Set(
    (steps ?? []).flatMap(({ params: { backend } }) =>
      typeof backend === "string" && !backend.includes("${") ? [backend] : [],
    ),
  );
  const missing = [...named].filter((name) => statusOf(name)?.available !== true);
  const obstacle = (name: string): Obstacle => {
    const reason = statusOf(name)?.reason ?? "this version does not know it";
    return {
      ...{ subject: "backend", certain: true, needs: name, has: "not available" },
      message: `it uses the model backend ${name}, which is not available here`,
      fix: reason,
    };
  };
  if (named.size > 0) return missing.map(obstacle);
  const { backends } = capabilities;
  if (backends.length === 0 || backends.some((name) => statusOf(name)?.available === true)) return [];
  return backends.map(obstacle);
}

function resourceObstacles({ capabilities }: UpgradeManifest, worker: WorkerCapabilities): readonly Obstacle[] {
  const { disk_mb, ram_mb, gpu } = capabilities.requires ?? {};
  const short = (
    subject: "disk" | "ram",
    needed: number | undefined,
    has: number | null,
    fix: string,
  ): readonly Obstacle[] => {
    if (needed === undefined || (has !== null && has >= needed)) return [];
    const what = subject === "disk" ? "free disk" : "memory";
    const found = has === null ? "unknown" : `${has} MB`;
    const message =
      has === null
        ? `whether there are ${needed} MB of ${what} is unknown`
        : `it needs ${needed} MB of ${what}, and there are ${has} MB`;
    return [{ subject, certain: has !== null, needs: `${needed} MB`, has: found, message, fix }];
  };
  const found: Obstacle[] = [
    ...short("disk", disk_mb, worker.disk_free_mb, "free some disk space where the worker keeps its data"),
    ...short("ram", ram_mb, worker.ram_mb, "install it on a machine with more memory"),
  ];
  if (gpu === true && worker.gpu.present !== true) {
    const unknown = worker.gpu.present === null;
    found.push({
      ...{ subject: "gpu", certain: !unknown, needs: "a GPU", has: unknown ? "unknown" : "none" },
      message: unknown ? "it needs a GPU, and whether there is one is unknown" : "it needs a GPU, and there is none",
      fix: unknown ? "check that this machine has a GPU; nothing stops the run" : "install it on a machine with a GPU",
    });
  }
  const spare = LIMITS.worker_disk_mb;
  if (disk_mb === undefined && worker.disk_free_mb !== null && worker.disk_free_mb < spare) {
    found.push(...short("disk", spare, worker.disk_free_mb, "free some disk space where the worker keeps its data"));
  }
  return found;
}
