import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { chosenIn } from "@oa/shared/moderation/chosen.ts";
import { readDaemonFile } from "../adapters/daemon-file.ts";
import { type DataLock, takeDataLock } from "../adapters/data-lock.ts";
import type { startDaemon } from "../main/daemon.ts";
import { type Command, type CommandContext, defineCommand, type ExitCode } from "./command.ts";

export const command: Command = defineCommand({
  words: ["up"],
  summary: "Start the worker: it runs what is installed, on schedule, until stopped",
  options: {
    port: {
      type: "integer",
      value: "N",
      summary: "Port of the control API on 127.0.0.1 (0: any)",
      min: 0,
      max: 65_535,
    },
    edge: { type: "text", value: "URL", summary: "The edge whose catalog and mailbox it uses" },
    relay: { type: "text", value: "URL", summary: "A relay it reads", repeat: true },
    moderators: {
      type: "text",
      value: "KEYS",
      summary:
        "Whose decisions apply to what is shown, installed and run: npubs or hex keys with commas between, or none",
    },
    service: {
      type: "flag",
      summary: "Started by a service manager: after each crash it waits longer before it starts",
    },
  },
  examples: [
    "oa up",
    "oa up --edge http://127.0.0.1:8787 --relay ws://127.0.0.1:8787/",
    "oa up --data ./data --port 0 --json",
  ],
  run: async (context) => {
    const { data_dir, note, options, signal } = context;
    const { port, edge, relay } = options;
    const moderators = options.moderators === undefined ? undefined : chosenIn(options.moderators);
    if (isRejection(moderators)) return moderators;
    const chosen = {
      ...(port === undefined ? {} : { port }),
      ...(edge === undefined ? {} : { edge_url: edge }),
      ...(relay.length === 0 ? {} : { relays: relay }),
      ...(moderators === undefined ? {} : { moderators: [...moderators] }),
    };
    if (!options.service) return serve(context, chosen);
    const { awaitServiceStart } = await import("../adapters/service-starts.ts");
    const settings = () => wrongSettings(context, chosen);
    const start = await awaitServiceStart(data_dir, { signal, note, settings });
    if (start === null) return 0;
    if (isRejection(start)) return start;
    const ended = await serve(context, chosen);
    if (signal.aborted) await start.stopped();
    return ended;
  },
});

/** Why the settings cannot be taken, where they cannot. What else goes wrong is for the start itself to say. */
async function wrongSettings(
  { data_dir, env }: Pick<CommandContext, "data_dir" | "env">,
  options: Parameters<typeof startDaemon>[0]["options"],
): Promise<Rejection | null> {
  const { readConfig } = await import("../config.ts");
  try {
    await readConfig(data_dir, env, options);
    return null;
  } catch (error) {
    return error instanceof Fault && error.code === "config_invalid" ? reject(error.code, error.message) : null;
  }
}

/** Runs the daemon until it is stopped, or broken. */
async function serve(
  { data_dir, env, print, signal }: Pick<CommandContext, "data_dir" | "env" | "print" | "signal">,
  options: Parameters<typeof startDaemon>[0]["options"],
): Promise<ExitCode | Rejection> {
  const lock = await ownDataFolder(data_dir, signal);
  if ("rejected" in lock) return lock;
  try {
    const { startDaemon } = await import("../main/daemon.ts");
    const daemon = await startDaemon({ data_dir, env, options });
    try {
      const { url, pid, token_path, worker } = daemon;
      print({ url, pid, data_dir, token_path, worker }, `The worker is up: ${url} (data in ${data_dir})`);
      const stopped = new Promise<null>((resolve) => {
        if (signal.aborted) resolve(null);
        else signal.addEventListener("abort", () => resolve(null), { once: true });
      });
      const broken = await Promise.race([stopped, daemon.broken]);
      if (broken !== null) return reject(broken.code, `the worker has stopped: ${broken.message}`);
    } finally {
      await daemon.close();
    }
    return 0;
  } finally {
    lock.release();
  }
}

/** Waits for a short command to finish; a running daemon is named at once. */
async function ownDataFolder(data_dir: string, signal: AbortSignal): Promise<DataLock | ReturnType<typeof reject>> {
  const deadline = performance.now() + LIMITS.data_lock_wait_ms;
  for (;;) {
    const lock = await takeDataLock(data_dir);
    if (lock !== null) return lock;
    const running = await readDaemonFile(data_dir);
    if (running !== null) {
      const { pid, url } = running;
      return reject("worker_running", `a worker already runs on ${data_dir}: ${url}, pid ${pid}`, { pid, url });
    }
    if (signal.aborted) return reject("canceled", "stopped before it started");
    if (performance.now() > deadline) {
      return reject("busy", `another oa command is using ${data_dir}; try again when it has finished`);
    }
    await sleep(50);
  }
}
