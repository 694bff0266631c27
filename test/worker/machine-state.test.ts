/** Sensors against text in the form that the programs and files of macOS and Linux print (test/vectors/machine-state). */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileSensors } from "@oa/worker/adapters/machine-state/file.ts";
import { linuxSensors } from "@oa/worker/adapters/machine-state/linux.ts";
import { thisMachine } from "@oa/worker/adapters/machine-state/machine.ts";
import { macosSensors } from "@oa/worker/adapters/machine-state/macos.ts";
import { cpuTimes, type MachineSource, noSensors, openMachineState } from "@oa/worker/adapters/machine-state/port.ts";
import { openProcesses } from "@oa/worker/adapters/process.ts";

interface Vector {
  readonly name: string;
  readonly system: "macos" | "linux";
  /** What a command line says: its stdout, or its status and both streams. */
  readonly commands?: Readonly<
    Record<string, string | { readonly code: number; readonly stdout?: string; readonly stderr?: string }>
  >;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly readings: Readonly<Record<string, { readonly value?: unknown; readonly unknown?: string }>>;
}

const NOW = Date.parse("2026-03-08T08:00:00Z");
const never = new AbortController().signal;
const folder = join(import.meta.dirname, "..", "vectors", "machine-state");
const vectors = JSON.parse(readFileSync(join(folder, "said.json"), "utf8")) as readonly Vector[];

function sourceOf({ commands = {}, files = {}, env = {} }: Partial<Vector>): MachineSource {
  return {
    ask: async (program, args) => {
      const answer = commands[[program, ...args].join(" ")];
      if (answer === undefined) throw new Error(`${program} could not be started: it is not installed`);
      return typeof answer === "string"
        ? { code: 0, stdout: answer, stderr: "" }
        : { code: answer.code, stdout: answer.stdout ?? "", stderr: answer.stderr ?? "" };
    },
    read: async (path) => {
      const text = files[path];
      if (text === undefined) throw new Error(`EPERM: operation not permitted, open '${path}'`);
      return text;
    },
    list: async (path) => {
      const inside = Object.keys(files).filter((name) => name.startsWith(`${path}/`));
      return [...new Set(inside.map((name) => name.slice(path.length + 1).split("/")[0] ?? ""))];
    },
    env,
    home: "/Users/owner",
    now_ms: () => NOW,
    sleep: async () => {},
    cpuTimes: () => ({ busy_ms: 0, total_ms: 0 }),
  };
}

for (const vector of vectors) {
  test(`${vector.system}: ${vector.name}`, async () => {
    const source = sourceOf(vector);
    const state = openMachineState(vector.system === "macos" ? macosSensors(source) : linuxSensors(source));
    const names = Object.keys(vector.readings) as Parameters<typeof state.measure>[0];
    const measured = (await state.measure(names, never)) as Readonly<Record<string, { unknown?: string }>>;
    for (const name of names) {
      const expected = vector.readings[name];
      if (expected?.unknown === undefined) assert.deepEqual(measured[name], expected, name);
      else assert.match(measured[name]?.unknown ?? "known", new RegExp(expected.unknown), name);
    }
  });
}

test("load is the share of busy time over a moment, of all processors together", async () => {
  const times = [
    { busy_ms: 1_000, total_ms: 10_000 },
    { busy_ms: 1_250, total_ms: 12_000 },
  ];
  const source = { ...sourceOf({}), cpuTimes: () => times.shift() ?? { busy_ms: 0, total_ms: 0 } };
  const { cpu_percentage } = await openMachineState(linuxSensors(source)).measure(["cpu_percentage"], never);
  assert.deepEqual(cpu_percentage, { value: 12.5 });
  const still = await openMachineState(macosSensors(sourceOf({}))).measure(["cpu_percentage"], never);
  assert.match(JSON.stringify(still.cpu_percentage), /unknown/);
  assert.ok(cpuTimes().total_ms > 0);
});

test("a file that stands for the machine is read at each measurement; what it lacks or gets wrong is unknown", async () => {
  const all = ["plugged_in", "network", "cpu_percentage", "idle_ms", "dnd"] as const;
  let text = JSON.stringify({ plugged_in: false, network: "none", cpu_percentage: 3, idle_ms: 0, dnd: true });
  const state = openMachineState(fileSensors("/state.json", { read: async () => text }));
  assert.deepEqual(await state.measure(all, never), {
    plugged_in: { value: false },
    network: { value: "none" },
    cpu_percentage: { value: 3 },
    idle_ms: { value: 0 },
    dnd: { value: true },
  });
  text = '{"plugged_in":true}';
  assert.deepEqual(await state.measure(["plugged_in", "dnd"], never), {
    plugged_in: { value: true },
    dnd: { unknown: "/state.json does not say dnd" },
  });
  for (const [wrong, why] of [
    ["{", /not JSON/],
    ['{"plugged_in":"yes"}', /\/plugged_in must be of type boolean/],
    ['{"pluged_in":true}', /is not a field this version knows/],
    ['{"dnd":true,"dnd":false}', /not JSON/],
  ] as const) {
    text = wrong;
    assert.match(JSON.stringify(await state.measure(["plugged_in"], never)), why);
  }
});

test("a system without sensors knows nothing, and a sensor that hangs or throws is unknown", async () => {
  const none = await openMachineState(noSensors("win32")).measure(["idle_ms"], never);
  assert.deepEqual(none, { idle_ms: { unknown: "this worker has no sensors for win32" } });
  const gone = AbortSignal.abort(new Error("the worker is stopping"));
  const hangs = openMachineState({
    ...noSensors("test"),
    dnd: (signal) => new Promise((_, reject) => (signal.aborted ? reject(signal.reason) : undefined)),
  });
  assert.deepEqual(await hangs.measure(["dnd"], gone), { dnd: { unknown: "the worker is stopping" } });
});

test("a sensor that never answers is unknown for everybody, is asked once, and anew once it has answered", async () => {
  const answers: ((reading: { readonly value: boolean }) => void)[] = [];
  const state = openMachineState(
    { ...noSensors("test"), plugged_in: () => new Promise((resolve) => answers.push(resolve)) },
    10,
  );
  const late = { plugged_in: { unknown: "the sensor did not answer in time" } };
  const both = await Promise.all([state.measure(["plugged_in"], never), state.measure(["plugged_in"], never)]);
  assert.deepEqual([...both, await state.measure(["plugged_in"], never)], [late, late, late]);
  assert.equal(answers.length, 1);
  answers[0]?.({ value: true });
  await new Promise(setImmediate);
  const asked = state.measure(["plugged_in"], never);
  answers[1]?.({ value: false });
  assert.deepEqual(await asked, { plugged_in: { value: false } });
});

test("a state file that is a pipe, a folder or without end is unknown, and nothing waits for it", async (context) => {
  const here = mkdtempSync(join(tmpdir(), "oa-state-"));
  context.after(() => rmSync(here, { recursive: true }));
  spawnSync("mkfifo", [join(here, "pipe")]);
  for (const path of [join(here, "pipe"), here, "/dev/zero", join(here, "none")]) {
    const { plugged_in } = await thisMachine(openProcesses(), path).measure(["plugged_in"], never);
    assert.match(JSON.stringify(plugged_in), /"unknown":".*(not JSON|EISDIR|is larger than|ENOENT)/, path);
  }
});
