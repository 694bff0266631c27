/**
 * Mutated golden examples into every parser that meets bytes from outside: no crash, no hang, no unhandled rejection.
 * `OA_FUZZ_SEED` repeats a run, `OA_FUZZ_RUNS` and `OA_FUZZ_MS` (for each target) lengthen it, `OA_FUZZ_ONLY` names one.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { it } from "node:test";
import { Worker } from "node:worker_threads";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { pureSchnorr } from "@oa/shared/nostr/schnorr.ts";
import { signEvent } from "@oa/shared/nostr/template.ts";
import { openRelayPool } from "@oa/worker/adapters/relay-pool.ts";
import { openFakeRelay } from "../fakes/relay.ts";
import { mutateText, openDice } from "./fuzz-mutate.ts";
import type { FuzzMessage, FuzzOrder } from "./fuzz-thread.ts";

const seed = process.env.OA_FUZZ_SEED ?? randomBytes(6).toString("hex");
const runs = Number(process.env.OA_FUZZ_RUNS ?? 400);
const ms = Number(process.env.OA_FUZZ_MS ?? 1_000);
/** Generous: one input takes milliseconds. */
const HANG_MS = 30_000;

it("no input crashes, hangs or leaves a rejection behind", async (test) => {
  test.diagnostic(`seed ${seed}`);
  const at = new SharedArrayBuffer(8);
  const order: FuzzOrder = { seed, runs, ms, at, only: process.env.OA_FUZZ_ONLY ?? null };
  const findings: Extract<FuzzMessage, { kind: "finding" }>[] = [];
  const inputs = new Map<string, number>();
  const thread = new Worker(new URL("./fuzz-thread.ts", import.meta.url), {
    workerData: order,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const place = new Int32Array(at);
  let [last, since] = [-1, Date.now()];
  let watching: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      watching = setInterval(() => {
        const now = Atomics.load(place, 1);
        if (now !== last) [last, since] = [now, Date.now()];
        else if (Date.now() - since > HANG_MS)
          reject(new Error(`target ${Atomics.load(place, 0)} hangs at input ${now} in all`));
      }, 500);
      thread.on("message", (message: FuzzMessage) => {
        if (message.kind === "finding") findings.push(message);
        else if (message.kind === "target") inputs.set(message.name, message.inputs);
        else resolve();
      });
      thread.on("error", reject);
      thread.on("exit", (code) =>
        reject(new Error(`the thread ended with ${code} after ${[...inputs.keys()].at(-1)}`)),
      );
    });
  } finally {
    clearInterval(watching);
    await thread.terminate();
  }
  const shown = findings
    .slice(0, 10)
    .map(
      ({ name, index, input, error }) => `${name}, input ${index} of seed ${seed}: ${error}\n${input.slice(0, 500)}`,
    );
  assert.equal(findings.length, 0, shown.join("\n\n"));
  const total = [...inputs.values()].reduce((sum, count) => sum + count, 0);
  assert.ok(
    [...inputs.values()].every((count) => count > 0),
    "every target was tried",
  );
  test.diagnostic(`${total} inputs into ${inputs.size} parsers, 0 crashes, 0 hangs`);
});

it("a relay that says anything whatever does not keep the next good event from coming", async (test) => {
  const relay = await openFakeRelay();
  const pool = openRelayPool({
    schnorr: pureSchnorr,
    signAuth: () => assert.fail("no AUTH was asked for") as never,
  } as never);
  const stop = new AbortController();
  const heard: string[] = [];
  const filters = [{ kinds: [1] }];
  const since = { get: () => null, set: () => {} };
  pool.subscribe(
    { relays: [relay.url], filters, since, on_event: (event: { id: string }) => void heard.push(event.id) } as never,
    stop.signal,
  );
  const until = async (holds: () => boolean): Promise<void> => {
    for (let tries = 0; tries < 400 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 25));
    assert.ok(holds(), "in ten seconds");
  };
  const good = (created_at: number) =>
    signEvent({ kind: 1, created_at, tags: [], content: "good" }, new Uint8Array(32).fill(2), new Uint8Array(32));
  try {
    const first = good(1_750_000_000);
    await until(() => relay.frames.some(([verb]) => verb === "REQ"));
    relay.add(first);
    await until(() => heard.includes(first.id));
    const subscription = String(relay.frames.find(([verb]) => verb === "REQ")?.[1]);
    const frames = [
      ...[
        JSON.stringify(["EVENT", subscription, first]),
        JSON.stringify(["EOSE", subscription]),
        JSON.stringify(["OK", first.id, true, ""]),
      ],
      ...[
        JSON.stringify(["NOTICE", "x"]),
        JSON.stringify(["CLOSED", "other", "error: x"]),
        JSON.stringify(["COUNT", subscription, { count: 1 }]),
      ],
      ...[
        "[",
        "",
        "null",
        "0",
        '"EVENT"',
        "[[]]",
        `[${"[".repeat(1_000)}${"]".repeat(1_000)}]`,
        JSON.stringify(["EVENT", subscription, null]),
      ],
    ];
    const count = Math.min(runs, 400);
    for (let index = 0; index < count; index += 1) {
      const dice = openDice(`${seed}/frames/${index}`);
      const text = mutateText(dice, dice.pick(frames));
      // What would end the subscription by the protocol's own rules is not noise.
      if (!text.includes("CLOSED") && !text.includes("AUTH") && text.length < LIMITS.relay_frame_chars) relay.say(text);
    }
    const second = good(1_750_000_100);
    relay.add(second);
    await until(() => heard.includes(second.id));
    assert.deepEqual(
      heard.filter((id) => id !== first.id && id !== second.id),
      [],
    );
    test.diagnostic(`${count} frames, seed ${seed}`);
  } finally {
    stop.abort();
    pool.close();
    await relay.close();
  }
});
