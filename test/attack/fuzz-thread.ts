import { parentPort, workerData } from "node:worker_threads";
import { mutateJson, mutateText, openDice } from "./fuzz-mutate.ts";
import { type FuzzTarget, fuzzTargets } from "./fuzz-targets.ts";

/** What the thread is given, and how it says where it is: `at[0]` the target, `at[1]` the input. */
export interface FuzzOrder {
  readonly seed: string;
  readonly runs: number;
  readonly ms: number;
  readonly at: SharedArrayBuffer;
  /** Only this target. */
  readonly only: string | null;
}
export type FuzzMessage =
  | { readonly kind: "target"; readonly name: string; readonly inputs: number }
  | {
      readonly kind: "finding";
      readonly name: string;
      readonly index: number;
      readonly input: string;
      readonly error: string;
    }
  | { readonly kind: "done" };

const { seed, runs, ms, at, only } = workerData as FuzzOrder;
const place = new Int32Array(at);
const say = (message: FuzzMessage): void => parentPort?.postMessage(message);
let current = { name: "", index: 0, input: "" };
const found = (error: unknown): void =>
  say({
    kind: "finding",
    ...current,
    input: current.input.slice(0, 2_000),
    error: error instanceof Error ? (error.stack ?? String(error)) : String(error),
  });
process.on("unhandledRejection", found);
process.on("uncaughtException", found);

for (const [number, target] of (await fuzzTargets()).entries()) {
  if (only !== null && target.name !== only) continue;
  const pool = target.json ? poolOf(target.examples) : [];
  const until = performance.now() + ms;
  let index = 0;
  for (; index < runs && performance.now() < until; index += 1) {
    const input = inputFor(target, pool, index);
    current = { name: target.name, index, input };
    Atomics.store(place, 0, number);
    Atomics.add(place, 1, 1);
    try {
      await target.run(input);
    } catch (error) {
      found(error);
    }
    // Rejections that nobody handled are told of between turns.
    if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  say({ kind: "target", name: target.name, inputs: index });
}
say({ kind: "done" });

/** The input of a number: the same for the same seed, whatever came before. */
function inputFor({ name, examples, json }: FuzzTarget, pool: readonly unknown[], index: number): string {
  const dice = openDice(`${seed}/${name}/${index}`);
  const text = dice.pick(examples);
  if (!json || dice.int(4) === 0) return mutateText(dice, text);
  try {
    return JSON.stringify(mutateJson(dice, JSON.parse(text), pool)) ?? "";
  } catch {
    return mutateText(dice, text);
  }
}

function poolOf(examples: readonly string[]): readonly unknown[] {
  const values = examples.flatMap((text): readonly unknown[] => {
    try {
      const value: unknown = JSON.parse(text);
      return typeof value === "object" && value !== null ? [value, ...Object.values(value)] : [value];
    } catch {
      return [];
    }
  });
  return values.length === 0 ? [null] : values.slice(0, 500);
}
