import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { reject } from "@oa/shared/core/refusal.ts";
import { takeDataLock } from "../adapters/data-lock.ts";
import { type Command, defineCommand } from "./command.ts";
import { openDistantClient } from "./control-client.ts";

export const command: Command = defineCommand({
  words: ["engine"],
  summary: "Carry out runs of another worker, under installs of this data folder, until stopped",
  options: {
    join: { type: "text", value: "URL", summary: "The other worker's control API", required: true },
    "token-file": {
      type: "text",
      value: "FILE",
      summary: "A token of the other worker for run:claim, or its admin token",
      required: true,
    },
    lease: {
      type: "integer",
      value: "SECONDS",
      summary: "How long a run stays claimed when this engine falls silent",
      min: 1,
      max: 600,
      default: 60,
    },
  },
  examples: ["oa engine --data ./second --join http://127.0.0.1:6767 --token-file engine.token"],
  run: async ({ data_dir, env, note, options, print, signal }) => {
    const client = await openDistantClient(options.join, options["token-file"], signal);
    if ("rejected" in client) return client;
    const deadline = performance.now() + LIMITS.data_lock_wait_ms;
    let lock = await takeDataLock(data_dir);
    while (lock === null && !signal.aborted && performance.now() < deadline) {
      await sleep(50);
      lock = await takeDataLock(data_dir);
    }
    if (lock === null)
      return reject("busy", `another oa command is using ${data_dir}; give this engine its own --data`);
    try {
      const [{ readConfig }, { openWorker }] = await Promise.all([import("../config.ts"), import("../main.ts")]);
      const worker = await openWorker(await readConfig(data_dir, env));
      try {
        worker.join({ post: client.post, lease_ms: options.lease * 1_000 });
        print({ joined: options.join, data_dir, pid: process.pid }, `Carrying out runs of ${options.join}`);
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener("abort", () => resolve(), { once: true });
        });
        note("giving back what is running");
      } finally {
        await worker.close();
      }
      return 0;
    } finally {
      lock.release();
    }
  },
});
