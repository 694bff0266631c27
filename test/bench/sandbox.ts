import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { thisMachinesSandbox } from "@oa/worker/adapters/machine-sandbox.ts";
import { type ConfinedProcesses, openConfinedProcesses, openProcesses } from "@oa/worker/adapters/process.ts";
import type { Connect } from "@oa/worker/adapters/tunnel.ts";
import { wasiModule } from "../fakes/wasi-module.ts";
import { median } from "./figures/median.ts";
import type { Bench } from "./run.ts";

const ROUNDS = 40;
const limits = { timeout_ms: 60_000, max_output_bytes: 100_000, signal: AbortSignal.timeout(600_000) };

/** What a program costs to start: bare, through the adapter, in the sandbox; each way once in every round. */
export async function bench(): Promise<Bench> {
  const opened_ms = performance.now();
  const sandbox = await thisMachinesSandbox();
  const trial_ms = performance.now() - opened_ms;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "oa-bench-")));
  const confined = openConfinedProcesses(sandbox);
  const plain = openProcesses();
  const nothing = { read: [], write: [], connect: null };
  const refuse: Connect = async () => [];
  const wasm = emptyProgram(folder);
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    "bare spawn of /bin/true, ms": () => bare("/bin/true", []),
    "through the adapter, no sandbox, ms": () => plain.run("/bin/true", [], limits),
    "in the sandbox, ms": () => confined.run("/bin/true", [], { ...limits, bounds: nothing }),
    "in the sandbox, with a folder to write, ms": () =>
      confined.run("/bin/true", [], { ...limits, bounds: { ...nothing, write: [folder] } }),
    "in the sandbox, with a tunnel to the network, ms": () =>
      confined.run("/bin/true", [], { ...limits, bounds: { ...nothing, connect: refuse } }),
    "bare spawn of node -e 0, ms": () => bare(process.execPath, ["-e", "0"]),
    "an empty WebAssembly program, in the sandbox, ms": () => wasm(confined),
  };
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, act] of Object.entries(ways)) {
      const started_ms = performance.now();
      await act();
      times[name]?.push(performance.now() - started_ms);
    }
  }
  rmSync(folder, { recursive: true });
  const medians = Object.entries(times).map(([name, found]) => [name, median(found)] as const);
  const figures = Object.fromEntries(medians);
  const [of, spawned] = [figures["in the sandbox, ms"] ?? 0, figures["bare spawn of /bin/true, ms"] ?? 0];
  return {
    name: `sandbox: start to end of a program that does nothing, median of ${ROUNDS} (${sandbox.name})`,
    figures: {
      ...figures,
      "the sandbox over a bare spawn, ms": of - spawned,
      "the trial at the worker's start, once, ms": trial_ms,
    },
  };
}

/** Bare primitive: what Node itself needs. */
function bare(command: string, args: readonly string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: "pipe", env: {} });
    child.on("error", fail);
    child.on("close", () => done());
  });
}

/** The runner as code.run starts it, over a module that does nothing. */
function emptyProgram(folder: string): (confined: ConfinedProcesses) => Promise<unknown> {
  const bytes = wasiModule(() => []);
  const module = join(folder, "empty.wasm");
  writeFileSync(module, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const worker = resolve(import.meta.dirname, "../../worker");
  const [runner, manifest] = [join(worker, "adapters/wasi-runner.ts"), join(worker, "package.json")];
  const order = JSON.stringify({ module, sha256, args: [], folders: {} });
  const bounds = { read: [module, runner, manifest], write: [], connect: null };
  return (confined) => confined.run(process.execPath, ["--no-warnings", runner, order], { ...limits, bounds });
}
