import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { type DaemonFile, readDaemonFile } from "../adapters/daemon-file.ts";
import { takeDataLock } from "../adapters/data-lock.ts";
import { forgetServiceStarts, readServiceNote } from "../adapters/service-starts.ts";
import { type Command, defineCommand } from "./command.ts";
import { serviceOf } from "./service-of.ts";

export const command: Command = defineCommand({
  words: ["service", "install"],
  summary: "Keep the worker running: a launchd agent (macOS) or systemd user unit (Linux)",
  options: {
    print: { type: "flag", summary: "Show the unit and change nothing" },
    replace: { type: "flag", summary: "Also where the service is of another data folder: its worker is stopped" },
  },
  examples: ["oa service install", "oa service install --print", "oa service install --data ~/openagents"],
  run: async (context) => {
    const { data_dir, note, options, print, progress, signal } = context;
    const unit = await serviceOf(context);
    if (isRejection(unit)) return unit;
    const { manager, path, text, log } = unit;
    if (options.print) {
      print({ manager, path, unit: text }, text.trimEnd());
      return 0;
    }
    const before = await unit.status(signal);
    if (before.elsewhere && !options.replace) {
      const which = `the service that is installed (${path}) starts the worker of another data folder`;
      return reject("service_elsewhere", `${which}; --replace stops that one for ${data_dir}`);
    }
    const busy = before.running ? null : await ownedByAnother(data_dir);
    if (busy !== null) return busy;
    progress(`asking ${manager} to start the worker …`);
    const old = await readDaemonFile(data_dir);
    await forgetServiceStarts(data_dir);
    await unit.install(signal);
    const daemon = await cameUp(data_dir, old, signal);
    if (daemon === null) {
      const refused = (await readServiceNote(data_dir))?.refused;
      if (refused !== undefined) return reject(refused.code, `${manager} has the service, but: ${refused.message}`);
      return reject("timeout", `${manager} has the service, but the worker did not come up; its output: ${log}`);
    }
    if (manager === "systemd") note("To go on after you log out: loginctl enable-linger");
    const { pid, url } = daemon;
    print({ manager, path, data_dir, url, pid, log }, `The worker is up as a ${manager} service: ${url} (${path})`);
    return 0;
  },
});

/** A worker that somebody started by hand would keep the service from ever coming up. */
async function ownedByAnother(data_dir: string): Promise<Rejection | null> {
  const lock = await takeDataLock(data_dir);
  if (lock !== null) {
    lock.release();
    return null;
  }
  const running = await readDaemonFile(data_dir);
  const who = running === null ? "another oa command uses" : `a worker (pid ${running.pid}) already runs on`;
  return reject("worker_running", `${who} ${data_dir}; stop it, then install the service`);
}

async function cameUp(data_dir: string, old: DaemonFile | null, signal: AbortSignal): Promise<DaemonFile | null> {
  for (let waited_ms = 0; waited_ms < LIMITS.service_up_ms && !signal.aborted; waited_ms += 100) {
    const daemon = await readDaemonFile(data_dir);
    if (daemon !== null && daemon.started_at !== old?.started_at) return daemon;
    await sleep(100);
  }
  return null;
}
