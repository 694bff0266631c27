import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What a child and everything it started use now. */
export interface TreeUsage {
  readonly memory_bytes: number;
  /** Of the processes that are alive and, on Linux, of those that ended and were waited for. */
  readonly cpu_ms: number;
}

const TICK_MS = 10; // USER_HZ is 100 wherever Linux shows it

/**
 * Every process whose environment carries the mark, and every one that shares a sandbox with one: Linux only. One that
 * has left its process group is found too, and in a sandbox one that has cleared its environment.
 */
export function marked(mark: string): readonly number[] {
  if (process.platform !== "linux") return [];
  const mine = namespaceOf("self");
  const carries = (pid: string): boolean =>
    read(() => readFileSync(`/proc/${pid}/environ`, "latin1"))?.includes(mark) ?? false;
  const found: string[] = [];
  const inside = new Map<string, string[]>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const namespace = namespaceOf(pid);
    if (namespace !== undefined && namespace !== mine) {
      const others = inside.get(namespace);
      if (others === undefined) inside.set(namespace, [pid]);
      else others.push(pid);
    } else if (carries(pid)) found.push(pid);
  }
  // The first of a sandbox carries it and speaks for all: to read an environment is to wait for a process that forks.
  for (const pids of inside.values()) if (pids.some(carries)) found.push(...pids);
  return found.map(Number);
}

/** The processes it can see: its own where it is in a sandbox. */
function namespaceOf(pid: string): string | undefined {
  return read(() => readlinkSync(`/proc/${pid}/ns/pid`));
}

/** Undefined where it ended meanwhile, or is another user's. */
function read(look: () => string): string | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/**
 * Measures a tree by its mark on Linux, by its process group elsewhere, from what `ps -axo pgid=,rss=,time=` says; null
 * where it cannot be known.
 */
export async function measureTree(group: number, mark: string, ps: () => Promise<string>): Promise<TreeUsage | null> {
  return process.platform === "linux" ? sum(marked(mark).flatMap(measureOne)) : sum(parsePs(await ps(), group));
}

function measureOne(pid: number): readonly TreeUsage[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name may hold anything, so the fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // utime, stime, and both of the children that were waited for: one that is alive still counts for itself.
    const cpu_ms = fields.slice(11, 15).reduce((total, ticks) => total + Number(ticks) * TICK_MS, 0);
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "0";
    return [{ memory_bytes: Number(resident) * 1024, cpu_ms }];
  } catch {
    return []; // ended meanwhile
  }
}

/** Lines of `ps -axo pgid=,rss=,time=`: kilobytes, and `[[hh:]mm:]ss[.cc]` or `dd-hh:mm:ss`. */
export function parsePs(listed: string, group: number): readonly TreeUsage[] {
  return listed.split("\n").flatMap((line) => {
    const [, pgid, rss, days = "0", time = ""] = /^\s*(\d+)\s+(\d+)\s+(?:(\d+)-)?([\d:.]+)\s*$/.exec(line) ?? [];
    if (Number(pgid) !== group) return [];
    const seconds = time.split(":").reduce((total, part) => total * 60 + Number(part), 0);
    return [{ memory_bytes: Number(rss) * 1024, cpu_ms: Math.round((Number(days) * 86_400 + seconds) * 1000) }];
  });
}

function sum(processes: readonly TreeUsage[]): TreeUsage | null {
  if (processes.length === 0) return null;
  let [memory_bytes, cpu_ms] = [0, 0];
  for (const one of processes) {
    memory_bytes += one.memory_bytes;
    cpu_ms += one.cpu_ms;
  }
  return { memory_bytes, cpu_ms };
}
