import { cpus } from "node:os";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault } from "@oa/shared/core/refusal.ts";
import type { MachineReadings } from "@oa/shared/generated/types.ts";

export type Sensor = keyof MachineReadings;
export type Reading<Name extends Sensor> = NonNullable<MachineReadings[Name]>;

/** One function a sensor. What it throws is why it does not know. */
export type Sensors = { readonly [Name in Sensor]: (signal: AbortSignal) => Promise<Reading<Name>> };

/** What sensors may ask of the machine, so that tests answer with what real ones said. */
export interface MachineSource {
  /** Runs a program; throws where it cannot be run. */
  readonly ask: (
    program: string,
    args: readonly string[],
    signal: AbortSignal,
  ) => Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
  /** A small text file; throws where it cannot be read. */
  readonly read: (path: string) => Promise<string>;
  /** Names in a folder; none where there is no such folder. */
  readonly list: (path: string) => Promise<readonly string[]>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly now_ms: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Time that all processors together have been busy and have existed, in milliseconds. */
  readonly cpuTimes: () => CpuTimes;
}

export interface CpuTimes {
  readonly busy_ms: number;
  readonly total_ms: number;
}

/** The machine's state, measured on demand. */
export interface MachineState {
  /** Asks these sensors at once. One that cannot know says why; nothing is thrown and nothing guessed. */
  readonly measure: (sensors: readonly Sensor[], signal: AbortSignal) => Promise<MachineReadings>;
}

/**
 * Asks sensors, each within its time limit; a failing one is `unknown`, and so is one that does not stop when it is told
 * to. A sensor that is still being asked is not asked again: whoever else wants to know waits for the same answer.
 */
export function openMachineState(sensors: Sensors, sensor_ms: number = LIMITS.machine_sensor_ms): MachineState {
  const asked = new Map<Sensor, Promise<Reading<Sensor>>>();
  const ask = (name: Sensor): Promise<Reading<Sensor>> => {
    const made = sensors[name](AbortSignal.timeout(sensor_ms)).finally(() => asked.delete(name));
    asked.set(name, made);
    return made;
  };
  const askOne = async (name: Sensor, signal: AbortSignal): Promise<readonly [Sensor, Reading<Sensor>]> => {
    const patience = new AbortController();
    const late = setTimeout(() => patience.abort(new Error("the sensor did not answer in time")), sensor_ms);
    try {
      const limit = AbortSignal.any([signal, patience.signal]);
      return [name, await orAborted(asked.get(name) ?? ask(name), limit)];
    } catch (error) {
      const why = error instanceof Fault || error instanceof Error ? error.message : String(error);
      return [name, unknown(why)];
    } finally {
      clearTimeout(late);
    }
  };
  return {
    measure: async (names, signal) => Object.fromEntries(await Promise.all(names.map((name) => askOne(name, signal)))),
  };
}

function orAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    answer.then(resolve, reject);
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

export function unknown(why: string): { readonly unknown: string } {
  return { unknown: why.slice(0, 300) || "the sensor failed" };
}

/** Sensors of a system for which there are none. */
export function noSensors(platform: string): Sensors {
  const never = async () => unknown(`this worker has no sensors for ${platform}`);
  return { plugged_in: never, network: never, cpu_percentage: never, idle_ms: never, dnd: never };
}

/** The load of the whole machine over a moment. */
export async function cpuPercentage(source: MachineSource, signal: AbortSignal): Promise<Reading<"cpu_percentage">> {
  const before = source.cpuTimes();
  await source.sleep(LIMITS.machine_cpu_sample_ms, signal);
  const after = source.cpuTimes();
  const total_ms = after.total_ms - before.total_ms;
  if (total_ms <= 0) return unknown("the processors' times did not advance");
  const share = (after.busy_ms - before.busy_ms) / total_ms;
  return { value: Math.min(100, Math.max(0, Math.round(share * 1000) / 10)) };
}

export function cpuTimes(): CpuTimes {
  let [busy_ms, total_ms] = [0, 0];
  for (const { times } of cpus()) {
    const busy = times.user + times.nice + times.sys + times.irq;
    busy_ms += busy;
    total_ms += busy + times.idle;
  }
  return { busy_ms, total_ms };
}
