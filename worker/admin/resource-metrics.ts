import { statfs } from "node:fs/promises";
import type { Artifacts, StoreRoom } from "../adapters/artifacts.ts";
import { gauge, type Metric, totalOf } from "../adapters/metrics.ts";
import type { OwnStates } from "../adapters/own-states.ts";
import type { TreeUsage } from "../adapters/process-usage.ts";
import type { RunGuard } from "../adapters/run-usage.ts";
import type { ModelBackends } from "../backends/backend.ts";

/** What runs, models and outputs take of this machine, as Prometheus reads it. */
export interface ResourceMetrics {
  readonly metrics: readonly Metric[];
  /** Before they are written. What cannot be measured is reported, and has no series then. Never throws. */
  readonly measure: () => Promise<void>;
}

interface Measured {
  readonly hosts: readonly TreeUsage[];
  readonly stores: Readonly<Record<string, StoreRoom>>;
  readonly disk: { readonly free_bytes: number; readonly size_bytes: number } | null;
}

/** Nothing is measured until somebody asks. No label names a run, an install or a model. */
export function resourceMetrics(options: {
  readonly guard: Pick<RunGuard, "used">;
  readonly backends: Pick<ModelBackends, "hosts">;
  readonly artifacts: Pick<Artifacts, "room">;
  readonly states: Pick<OwnStates, "room">;
  readonly data_dir: string;
  readonly report: (error: unknown) => void;
}): ResourceMetrics {
  const { guard, backends, artifacts, states, data_dir, report } = options;
  let now: Measured = { hosts: [], stores: {}, disk: null };
  /** Null where it cannot be had, which is reported. */
  const had = async <T>(read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read();
    } catch (error) {
      report(error);
      return null;
    }
  };
  return {
    measure: async () => {
      const [hosts, kept, disk] = await Promise.all([
        had(backends.hosts),
        had(states.room),
        had(() => diskOf(data_dir)),
      ]);
      const stores = { artifacts: artifacts.room(), ...(kept === null ? {} : { states: kept }) };
      now = { hosts: hosts ?? [], stores, disk };
    },
    metrics: [...runMetrics(guard), ...modelMetrics(() => now.hosts), ...storeMetrics(() => now)],
  };
}

function runMetrics(guard: Pick<RunGuard, "used">): readonly Metric[] {
  return [
    totalOf(
      "openagents_run_cpu_seconds_total",
      "CPU time of all runs: their processes and threads, and what was computed for them in the worker.",
      () => guard.used().cpu_ms / 1_000,
    ),
    gauge("openagents_run_children", "Processes and threads that work for runs now, by kind.", () => {
      const { processes, threads } = guard.used();
      return [
        [{ kind: "process" }, processes],
        [{ kind: "thread" }, threads],
      ];
    }),
    gauge("openagents_run_memory_bytes", "Memory of runs now: in processes, in threads, in the worker itself.", () => {
      const { process_bytes, thread_bytes, inside_bytes } = guard.used();
      return [
        [{ kind: "process" }, process_bytes],
        [{ kind: "thread" }, thread_bytes],
        [{ kind: "worker" }, inside_bytes],
      ];
    }),
  ];
}

function modelMetrics(hosts: () => readonly TreeUsage[]): readonly Metric[] {
  const sum = (of: (usage: TreeUsage) => number): number => hosts().reduce((total, usage) => total + of(usage), 0);
  return [
    gauge("openagents_model_hosts", "Processes that hold a model now.", () => [[{}, hosts().length]]),
    gauge("openagents_model_host_memory_bytes", "Memory of the processes that hold a model, asked or idle.", () => [
      [{}, sum(({ memory_bytes }) => memory_bytes)],
    ]),
    gauge(
      "openagents_model_host_cpu_seconds",
      "CPU time of the processes that hold a model now, since each began.",
      () => [[{}, sum(({ cpu_ms }) => cpu_ms) / 1_000]],
    ),
  ];
}

function storeMetrics(now: () => Measured): readonly Metric[] {
  const each = (of: (room: StoreRoom) => number) => () =>
    Object.entries(now().stores).map(([store, room]) => [{ store }, of(room)] as const);
  const disk = (of: (disk: NonNullable<Measured["disk"]>) => number) => () => {
    const measured = now().disk;
    return measured === null ? [] : [[{}, of(measured)] as const];
  };
  return [
    gauge(
      "openagents_store_bytes",
      "What outputs of runs, and upgrades for themselves, keep.",
      each(({ bytes }) => bytes),
    ),
    gauge(
      "openagents_store_quota_bytes",
      "What they may keep.",
      each(({ quota_bytes }) => quota_bytes),
    ),
    gauge(
      "openagents_disk_free_bytes",
      "Free for this user on the data folder's disk.",
      disk((one) => one.free_bytes),
    ),
    gauge(
      "openagents_disk_size_bytes",
      "Of the data folder's disk.",
      disk((one) => one.size_bytes),
    ),
  ];
}

async function diskOf(data_dir: string): Promise<Measured["disk"]> {
  const { bavail, blocks, bsize } = await statfs(data_dir);
  return { free_bytes: bavail * bsize, size_bytes: blocks * bsize };
}
