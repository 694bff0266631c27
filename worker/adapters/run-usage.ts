import { getHeapStatistics } from "node:v8";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { TreeUsage } from "./process-usage.ts";

/** The most that one run may use. */
export interface UsageCaps {
  /** Of all its child processes together, and what it adds to this process. */
  readonly memory_bytes: number;
  /** Of all its child processes and threads together, those that have ended too, and what it computes in this one. */
  readonly cpu_ms: number;
}

export const DEFAULT_CAPS: UsageCaps = { memory_bytes: LIMITS.run_memory_bytes, cpu_ms: LIMITS.run_cpu_ms };

/** A process or thread that works for a run; `sample`: all it has used since it was entered. */
export interface RunChild {
  readonly sample: (usage: TreeUsage, command: string) => void;
  readonly leave: () => void;
}

/** What one run uses: its children, as sampled, and its share of what this process grew by. */
export interface RunUsage {
  readonly caps: UsageCaps;
  /** Whose caps they are, as refusals say it. */
  readonly who: string;
  /**
   * Counts a child until `leave`, whose processor time stays counted; `stop` ends it. `thread`: its memory is this
   * process's own, and no part of what the runs share.
   */
  readonly enter: (stop: (why: Fault) => void, kind?: "process" | "thread") => RunChild;
  /** Does work for the run in this thread, and counts its time. Fault: cpu_limit. */
  readonly compute: <T>(what: string, work: () => T) => T;
  /** Counts what the run added to (or gave back of) this process; the reason where that is over the cap. */
  readonly grow: (bytes: number) => Fault | null;
  readonly inside_bytes: () => number;
  readonly used: () => RunUsed;
  readonly isBusy: () => boolean;
}

/** What works for runs now, and the processor time of all that ever did. */
export interface RunUsed {
  readonly processes: number;
  readonly process_bytes: number;
  readonly threads: number;
  readonly thread_bytes: number;
  readonly cpu_ms: number;
}

export function openRunUsage(caps: UsageCaps = DEFAULT_CAPS, who = "a run"): RunUsage {
  const children = new Map<symbol, { readonly stop: (why: Fault) => void; readonly kind: string; usage: TreeUsage }>();
  let ended_cpu_ms = 0;
  let inside_bytes = 0;

  const used = (): RunUsed => {
    const all = { processes: 0, process_bytes: 0, threads: 0, thread_bytes: 0, cpu_ms: ended_cpu_ms };
    for (const { kind, usage } of children.values()) {
      all[kind === "thread" ? "threads" : "processes"] += 1;
      all[kind === "thread" ? "thread_bytes" : "process_bytes"] += usage.memory_bytes;
      all.cpu_ms += usage.cpu_ms;
    }
    return all;
  };
  const memoryExcess = (what: string): Fault | null => {
    const { process_bytes, thread_bytes } = used();
    const memory_bytes = inside_bytes + process_bytes + thread_bytes;
    if (memory_bytes <= caps.memory_bytes) return null;
    const [held, most] = [mebibytes(memory_bytes), mebibytes(caps.memory_bytes)];
    return new Fault("memory_limit", `${what} used ${held} of memory; ${who} may use ${most}`);
  };
  const excess = (what: string): Fault | null => {
    const { cpu_ms } = used();
    const over = memoryExcess(what);
    if (over !== null || cpu_ms <= caps.cpu_ms) return over;
    const [time, most] = [seconds(cpu_ms), seconds(caps.cpu_ms)];
    return new Fault("cpu_limit", `${what} used ${time} of processor time; ${who} may use ${most}`);
  };
  return {
    ...{ caps, who },
    enter: (stop, kind = "process") => {
      const key = Symbol("child");
      children.set(key, { stop, kind, usage: { memory_bytes: 0, cpu_ms: 0 } });
      return {
        sample: (usage, command) => {
          const child = children.get(key);
          if (child === undefined) return;
          // A process that ended between two samples takes its time with it, so the figure may seem to fall.
          child.usage = { ...usage, cpu_ms: Math.max(usage.cpu_ms, child.usage.cpu_ms) };
          const why = excess(children.size === 1 ? command : `${command} and ${children.size - 1} more`);
          if (why !== null) for (const one of children.values()) one.stop(why);
        },
        leave: () => {
          ended_cpu_ms += children.get(key)?.usage.cpu_ms ?? 0;
          children.delete(key);
        },
      };
    },
    compute: (what, work) => {
      const before = process.threadCpuUsage();
      const result = work();
      const { user, system } = process.threadCpuUsage(before);
      ended_cpu_ms += (user + system) / 1_000;
      const why = excess(what);
      if (why !== null) throw why;
      return result;
    },
    grow: (bytes) => {
      inside_bytes = Math.max(0, inside_bytes + bytes);
      // Its processor time is told by what took it.
      return bytes > 0 ? memoryExcess("the run and what it keeps in the worker") : null;
    },
    inside_bytes: () => inside_bytes,
    used,
    isBusy: () => children.size > 0,
  };
}

export interface RunRef {
  readonly run_id: string;
  readonly install_id: string | null;
}

/** The usage of every run that this process carries out. */
export interface RunGuard {
  /** One account for each run; what it used before stays counted while this process lives. */
  readonly usageOf: (run: RunRef) => RunUsage;
  /**
   * Watches this process while the run is carried out: what it grows by is shared out evenly among the runs of that
   * moment. `stop` is called once, with `memory_limit`, by a run that is over its cap, or that holds the most when the
   * heap is nearly full. Gives the way to end it.
   */
  readonly enter: (run: RunRef, stop: (why: Fault) => void) => () => void;
  /** What all runs use together, and what those that are carried out now made this process grow by. */
  readonly used: () => RunUsed & { readonly inside_bytes: number };
}

export interface RunGuardOptions {
  readonly capsOf: (run: RunRef) => UsageCaps;
  /** Memory of this process, in bytes. */
  readonly resident_bytes?: () => number;
  /** How full its heap is, from 0 to 1. */
  readonly heap_share?: () => number;
}

/** Nothing is sampled while no run is carried out. */
export function openRunGuard(options: RunGuardOptions): RunGuard {
  const { capsOf, resident_bytes = () => process.memoryUsage.rss(), heap_share = heapShare } = options;
  const usages = new Map<string, RunUsage>();
  const running = new Map<symbol, { readonly usage: RunUsage; readonly stop: (why: Fault) => void }>();
  let timer: NodeJS.Timeout | undefined;
  let last_bytes = 0;
  let forgotten_cpu_ms = 0;

  const usageOf = (run: RunRef): RunUsage => {
    const { run_id } = run;
    const usage = usages.get(run_id) ?? openRunUsage(capsOf(run));
    usages.delete(run_id);
    usages.set(run_id, usage); // the last used stand last
    if (usages.size > LIMITS.runs_queued) {
      const [oldest] = [...usages].filter(([, one]) => !one.isBusy());
      if (oldest !== undefined) {
        forgotten_cpu_ms += oldest[1].used().cpu_ms;
        usages.delete(oldest[0]);
      }
    }
    return usage;
  };
  const carriedOut = (): ReadonlySet<RunUsage> => new Set([...running.values()].map(({ usage }) => usage));
  /** Without the threads, which are counted to their runs. */
  const shared_bytes = (): number => {
    return [...carriedOut()].reduce((bytes, usage) => bytes - usage.used().thread_bytes, resident_bytes());
  };
  const sample = (): void => {
    const bytes = shared_bytes();
    const share_bytes = (bytes - last_bytes) / running.size;
    last_bytes = bytes;
    let largest: { readonly key: symbol; readonly bytes: number } | null = null;
    for (const [key, { usage, stop }] of [...running]) {
      const why = usage.grow(share_bytes);
      if (why !== null) {
        running.delete(key);
        stop(why);
      } else if (usage.inside_bytes() >= (largest?.bytes ?? 0)) largest = { key, bytes: usage.inside_bytes() };
    }
    if (largest !== null && heap_share() > LIMITS.heap_share_max) {
      const run = running.get(largest.key);
      running.delete(largest.key);
      run?.stop(new Fault("memory_limit", "the worker's own memory is nearly full, and this run holds the most of it"));
    }
  };
  return {
    usageOf,
    used: () => {
      const none = { processes: 0, process_bytes: 0, threads: 0, thread_bytes: 0, cpu_ms: forgotten_cpu_ms };
      const all = [...usages.values()].map((usage) => usage.used()).reduce(added, none);
      return { ...all, inside_bytes: [...carriedOut()].reduce((sum, usage) => sum + usage.inside_bytes(), 0) };
    },
    enter: (run, stop) => {
      const key = Symbol(run.run_id);
      if (running.size === 0) last_bytes = shared_bytes();
      else sample(); // what was before it came is not its own
      running.set(key, { usage: usageOf(run), stop });
      timer ??= setInterval(sample, LIMITS.process_sample_ms).unref();
      return () => {
        running.delete(key);
        if (running.size > 0 || timer === undefined) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

function added(one: RunUsed, other: RunUsed): RunUsed {
  return {
    processes: one.processes + other.processes,
    process_bytes: one.process_bytes + other.process_bytes,
    threads: one.threads + other.threads,
    thread_bytes: one.thread_bytes + other.thread_bytes,
    cpu_ms: one.cpu_ms + other.cpu_ms,
  };
}

function heapShare(): number {
  const { used_heap_size, heap_size_limit } = getHeapStatistics();
  return used_heap_size / heap_size_limit;
}

function seconds(ms: number): string {
  return `${ms < 10_000 ? (ms / 1_000).toFixed(1) : Math.round(ms / 1_000)} s`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}
