import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Fault } from "@oa/shared/core/refusal.ts";
import { openProcesses, type ProcessOptions } from "./process.ts";
import { parsePs } from "./process-usage.ts";

const processes = openProcesses();
const limits = { timeout_ms: 20_000, max_output_bytes: 100_000, signal: new AbortController().signal };
const node = (script: string, options: Partial<ProcessOptions> = {}) =>
  processes.run(process.execPath, ["-e", script], { ...limits, ...options });
const refuses = (code: string, action: Promise<unknown>, pattern = /./) =>
  assert.rejects(action, (error: Fault) => error.code === code && pattern.test(error.message));

/** Waits for a pid in a file and then for that process to be gone. */
async function ends(file: string): Promise<void> {
  let pid = 0;
  while (pid === 0) {
    try {
      pid = Number(readFileSync(file, "utf8"));
    } catch {
      await setTimeout(10);
    }
  }
  for (;;) {
    try {
      process.kill(pid, 0);
      // A zombie that nobody has reaped yet has ended too.
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return;
    } catch {
      return;
    }
    await setTimeout(10);
  }
}

test("a child's status, output and input pass through", async () => {
  const script = "process.stdin.pipe(process.stdout); process.stderr.write('warned'); process.exitCode = 3";
  assert.deepEqual(await node(script, { stdin: "hello" }), { code: 3, stdout: "hello", stderr: "warned" });
});

test("a child ended by a signal has the status 128 and its number", async () => {
  assert.equal((await node("process.kill(process.pid, 'SIGKILL')")).code, 137);
});

test("a child gets the names it was given and none of the worker's secrets", async () => {
  process.env.OA_TEST_SECRET = "canary";
  try {
    const { stdout } = await node("console.log(JSON.stringify(process.env))", { env: { ASKED_FOR: "1" } });
    const names = Object.keys(JSON.parse(stdout) as object);
    assert.ok(!stdout.includes("canary"));
    const allowed = [
      "ASKED_FOR",
      "LANG",
      "LC_ALL",
      "OA_PROCESS_TREE",
      "PATH",
      "TMPDIR",
      "TZ",
      "__CF_USER_TEXT_ENCODING",
    ];
    assert.deepEqual(
      names.filter((name) => !allowed.includes(name)),
      [],
    );
  } finally {
    delete process.env.OA_TEST_SECRET;
  }
});

test("an argument is never read by a shell", async () => {
  const args = ["-e", "console.log(process.argv[1])", '$(id); `id` && echo "x" > /tmp/x'];
  assert.equal((await processes.run(process.execPath, args, limits)).stdout, `${args[2]}\n`);
});

test("a program that is not there, a folder that is not there and a NUL are each said plainly", async () => {
  await refuses("process_failed", processes.run("oa-no-such-program", [], limits), /not installed, or not on the PATH/);
  await refuses("process_failed", node("0", { cwd: "/no/such/folder" }), /folder does not exist/);
  await refuses("process_failed", processes.run(process.execPath, ["a\0b"], limits), /null bytes/);
});

test("a child that writes too much is killed", async () => {
  const endless = "const w = () => process.stdout.write('x'.repeat(65536), w); w()";
  await refuses("process_output", node(endless), /more than 100000 bytes/);
});

test("a child that takes too long is killed, even where it ignores the polite signal", async () => {
  await refuses("timeout", node("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)", { timeout_ms: 300 }));
});

test("an abort before the start starts nothing", async () => {
  await refuses("canceled", node("0", { signal: AbortSignal.abort() }), /was canceled/);
});

test("an abort kills the whole tree, a grandchild that left the process group included", async () => {
  const file = join(tmpdir(), `oa-process-${process.pid}`);
  const abort = new AbortController();
  const grandchild = `require("fs").writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1000)`;
  const script = `
    require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}], { detached: true, stdio: "ignore" });
    setInterval(() => {
      if (require("fs").existsSync(${JSON.stringify(file)})) process.stdout.write("ready");
    }, 10);`;
  try {
    const running = node(script, { signal: abort.signal });
    while (!(await setTimeout(10, true)) || !readable(file));
    abort.abort();
    await refuses("canceled", running);
    if (process.platform === "linux") await ends(file);
  } finally {
    rmSync(file, { force: true });
  }
});

test("a child that ends leaves nothing of its group running", async () => {
  const file = join(tmpdir(), `oa-process-left-${process.pid}`);
  const left = `require("fs").writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1000)`;
  const script = `
    require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(left)}], { stdio: "inherit" });
    const wait = () => require("fs").existsSync(${JSON.stringify(file)}) ? process.exit(0) : setTimeout(wait, 10);
    wait();`;
  try {
    assert.equal((await node(script)).code, 0);
    await ends(file);
  } finally {
    rmSync(file, { force: true });
  }
});

function readable(file: string): boolean {
  try {
    return readFileSync(file, "utf8") !== "";
  } catch {
    return false;
  }
}

test("a tree over its memory cap is stopped, whichever process of it took the memory", async () => {
  const capped = openProcesses({ memory_bytes: 150_000_000, cpu_ms: 60_000 });
  const hungry = "const held = []; setInterval(() => held.push(Buffer.alloc(20e6, 1)), 20)";
  const parent = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(hungry)}]); setInterval(() => {}, 1e3)`;
  await refuses("memory_limit", capped.run(process.execPath, ["-e", parent], limits), /\d+ MiB of memory/);
});

test("a child over its cap of processor time is stopped, one that only waits is not", async () => {
  const capped = openProcesses({ memory_bytes: 1e9, cpu_ms: 300 });
  await refuses("cpu_limit", capped.run(process.execPath, ["-e", "for (;;);"], limits), /processor time/);
  const waits = await capped.run(process.execPath, ["-e", "setTimeout(() => console.log('done'), 1500)"], limits);
  assert.equal(waits.stdout, "done\n");
});

test("ps is read with its kilobytes and its forms of time, for one process group", () => {
  const listed = "  77   1024   0:01.50\n  77 2048 01:02:03\n 8   999 00:05\n 77 10 2-00:00:01\nnonsense\n";
  assert.deepEqual(parsePs(listed, 77), [
    { memory_bytes: 1_048_576, cpu_ms: 1_500 },
    { memory_bytes: 2_097_152, cpu_ms: 3_723_000 },
    { memory_bytes: 10_240, cpu_ms: 172_801_000 },
  ]);
});
