import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Fault } from "@oa/shared/core/refusal.ts";
import { openProcesses } from "./process.ts";
import { openRunGuard, openRunUsage } from "./run-usage.ts";

const MIB = 1_048_576;
const RUN = { run_id: "run_1", install_id: null };

test("the children of a run share its caps: together over them, all of them are stopped", () => {
  const usage = openRunUsage({ memory_bytes: 100 * MIB, cpu_ms: 10_000 });
  const stopped: Fault[] = [];
  const [first, second] = [usage.enter((why) => stopped.push(why)), usage.enter((why) => stopped.push(why))];
  first.sample({ memory_bytes: 60 * MIB, cpu_ms: 4_000 }, "git");
  second.sample({ memory_bytes: 30 * MIB, cpu_ms: 4_000 }, "git");
  assert.deepEqual(stopped, []);
  second.sample({ memory_bytes: 50 * MIB, cpu_ms: 5_000 }, "git");
  assert.deepEqual(
    stopped.map(({ code, message }) => [code, message]),
    [
      ["memory_limit", "git and 1 more used 110 MiB of memory; a run may use 100 MiB"],
      ["memory_limit", "git and 1 more used 110 MiB of memory; a run may use 100 MiB"],
    ],
  );
});

test("the processor time of a child that ended stays counted, its memory does not", () => {
  const usage = openRunUsage({ memory_bytes: 100 * MIB, cpu_ms: 10_000 });
  const stopped: Fault[] = [];
  const first = usage.enter((why) => stopped.push(why));
  first.sample({ memory_bytes: 90 * MIB, cpu_ms: 8_000 }, "git");
  first.sample({ memory_bytes: 10 * MIB, cpu_ms: 5_000 }, "git"); // a process of the tree ended
  first.leave();
  const second = usage.enter((why) => stopped.push(why));
  second.sample({ memory_bytes: 90 * MIB, cpu_ms: 1_000 }, "git");
  assert.deepEqual(stopped, []);
  second.sample({ memory_bytes: 90 * MIB, cpu_ms: 3_000 }, "git");
  assert.deepEqual(
    stopped.map(({ code }) => code),
    ["cpu_limit"],
  );
});

/** A guard over figures that the test sets. */
function guarded(caps = { memory_bytes: 100 * MIB, cpu_ms: 10_000 }) {
  const figures = { resident: 500 * MIB, heap: 0.2 };
  const guard = openRunGuard({
    capsOf: () => caps,
    resident_bytes: () => figures.resident,
    heap_share: () => figures.heap,
  });
  return { guard, figures, tick: () => sleep(LIMITS.process_sample_ms + 200) };
}

test("a run that makes this process grow over its cap is stopped, once, with its reason", async () => {
  const { guard, figures, tick } = guarded();
  const stopped: Fault[] = [];
  const leave = guard.enter(RUN, (why) => stopped.push(why));
  figures.resident += 90 * MIB;
  await tick();
  assert.deepEqual(stopped, []);
  figures.resident += 20 * MIB;
  await tick();
  await tick();
  leave();
  assert.deepEqual(
    stopped.map(({ code, message }) => [code, message]),
    [["memory_limit", "the run and what it keeps in the worker used 110 MiB of memory; a run may use 100 MiB"]],
  );
});

test("what this process held before a run, and what another run's time brought, is not the run's", async () => {
  const { guard, figures, tick } = guarded();
  const stopped: string[] = [];
  const first = guard.enter(RUN, () => stopped.push("first"));
  figures.resident += 80 * MIB;
  const second = guard.enter({ run_id: "run_2", install_id: null }, () => stopped.push("second"));
  figures.resident += 60 * MIB; // 30 for each: 110 and 30
  await tick();
  assert.deepEqual(stopped, ["first"]);
  first();
  second();
});

test("where the heap is nearly full, the run that holds the most of this process is stopped", async () => {
  const { guard, figures, tick } = guarded({ memory_bytes: 10_000 * MIB, cpu_ms: 10_000 });
  const stopped: string[] = [];
  const small = guard.enter(RUN, () => stopped.push("small"));
  figures.resident += 50 * MIB;
  const large = guard.enter({ run_id: "run_2", install_id: null }, () => stopped.push("large"));
  guard.usageOf({ run_id: "run_2", install_id: null }).grow(200 * MIB);
  figures.heap = 0.95;
  await tick();
  assert.equal(stopped[0], "large");
  small();
  large();
});

test("in-process memory and children count together", () => {
  const usage = openRunUsage({ memory_bytes: 100 * MIB, cpu_ms: 10_000 });
  const stopped: Fault[] = [];
  assert.equal(usage.grow(60 * MIB), null);
  usage.enter((why) => stopped.push(why)).sample({ memory_bytes: 50 * MIB, cpu_ms: 0 }, "git");
  assert.deepEqual(
    stopped.map(({ code }) => code),
    ["memory_limit"],
  );
});

test("what is computed in this thread for a run counts with its children, and stops it over its cap", () => {
  const usage = openRunUsage({ memory_bytes: 100 * MIB, cpu_ms: 1_000 });
  const child = usage.enter(() => assert.fail("the child is not what goes over"));
  child.sample({ memory_bytes: 0, cpu_ms: 990 }, "git");
  assert.equal(
    usage.compute("counting", () => 1),
    1,
  );
  const busy = (): void => {
    const before = process.threadCpuUsage();
    while (process.threadCpuUsage(before).user < 20_000);
  };
  assert.throws(() => usage.compute("counting", busy), {
    code: "cpu_limit",
    message: /^counting used \d\.\d s of processor time; a run may use 1\.0 s$/,
  });
});

test("the memory of a run's threads is its own, not shared out among the runs of that moment", async () => {
  const { guard, figures, tick } = guarded();
  const stopped: string[] = [];
  const indexing = guard.enter(RUN, () => stopped.push("indexing"));
  const waiting = guard.enter({ run_id: "run_2", install_id: null }, () => stopped.push("waiting"));
  const thread = guard.usageOf(RUN).enter(() => stopped.push("thread"), "thread");
  thread.sample({ memory_bytes: 90 * MIB, cpu_ms: 0 }, "indexing");
  figures.resident += 90 * MIB;
  await tick();
  assert.deepEqual([guard.usageOf(RUN).inside_bytes(), stopped], [0, []]);
  thread.sample({ memory_bytes: 110 * MIB, cpu_ms: 0 }, "indexing");
  assert.deepEqual(stopped, ["thread"]);
  thread.leave();
  indexing();
  waiting();
});

test("processor time of processes that ended is counted on Linux", { skip: process.platform !== "linux" }, async () => {
  // Short-lived children one after the other, each gone before the next sample could see it for long.
  const script =
    "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sh -c 'n=0; while [ $n -lt 60000 ]; do n=$((n+1)); done'; done";
  const capped = openProcesses({ memory_bytes: 1e9, cpu_ms: 400 });
  const limits = { timeout_ms: 60_000, max_output_bytes: 1_000, signal: new AbortController().signal };
  await assert.rejects(capped.run("sh", ["-c", `${script}; ${script}; ${script}`], limits), { code: "cpu_limit" });
});

test("what all runs use is told together, and their processor time only grows: also of those that ended or were forgotten", () => {
  const { guard } = guarded({ memory_bytes: 1e12, cpu_ms: 1e12 });
  const usage = guard.usageOf(RUN);
  const [git, reader] = [usage.enter(() => {}), usage.enter(() => {}, "thread")];
  git.sample({ memory_bytes: 3 * MIB, cpu_ms: 40 }, "git");
  reader.sample({ memory_bytes: 2 * MIB, cpu_ms: 10 }, "reader");
  const leave = guard.enter(RUN, () => {});
  usage.grow(5 * MIB);
  const counts = { processes: 1, process_bytes: 3 * MIB, threads: 1, thread_bytes: 2 * MIB };
  assert.deepEqual(guard.used(), { ...counts, cpu_ms: 50, inside_bytes: 5 * MIB });
  git.leave();
  reader.leave();
  leave();
  const none = { processes: 0, process_bytes: 0, threads: 0, thread_bytes: 0, inside_bytes: 0 };
  assert.deepEqual(guard.used(), { ...none, cpu_ms: 50 });
  for (let other = 0; other <= LIMITS.runs_queued; other += 1) {
    guard.usageOf({ run_id: `run_other_${other}`, install_id: null });
  }
  assert.notEqual(guard.usageOf(RUN), usage, "it was forgotten");
  assert.deepEqual(guard.used(), { ...none, cpu_ms: 50 });
});
