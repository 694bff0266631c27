import { LIMITS } from "@oa/shared/core/limits.ts";
import { duration, localText } from "@oa/shared/core/local-time.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { readDaemonFile } from "../adapters/daemon-file.ts";
import { readServiceNote, type ServiceNote } from "../adapters/service-starts.ts";
import type { ServiceStatus } from "../adapters/service-unit.ts";
import { type Command, defineCommand } from "./command.ts";
import { serviceOf } from "./service-of.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["service", "status"],
  summary: "Show whether the worker is a service, and whether it runs",
  examples: ["oa service status", "oa service status --json"],
  run: async (context) => {
    const { data_dir, print, signal } = context;
    const unit = await serviceOf(context);
    if (isRejection(unit)) return unit;
    const { manager, path, log } = unit;
    const status = await unit.status(signal);
    const url = status.running ? ((await readDaemonFile(data_dir))?.url ?? null) : null;
    const noted = await readServiceNote(data_dir);
    const { crashes, waiting_until_ms = null, refused = null } = noted ?? { crashes: 0 };
    const held = waiting_until_ms === null || !status.running ? null : new Date(waiting_until_ms).toISOString();
    print({ manager, path, ...status, url, log, crashes, waiting_until: held, refused }, () => {
      if (!status.installed && !status.running)
        return `The worker is not a ${manager} service; oa service install makes it one.`;
      const state = stateOf(status, noted, url, Date.now());
      const stale = status.current
        ? []
        : !status.installed
          ? ["The unit's file is gone; oa service install writes it anew, oa service uninstall stops the worker."]
          : status.elsewhere
            ? [`It is of another data folder than ${data_dir}; oa service install --replace takes it for this one.`]
            : ["The unit is not what this oa would write for this data folder; oa service install writes it anew."];
      const row =
        crashes === 0 || held !== null
          ? []
          : [`Before its last start it ended ${times(crashes)} without being stopped; its output says why.`];
      return [
        `The worker is a ${manager} service: ${state}`,
        `Unit:   ${path}`,
        `Output: ${log}`,
        ...row,
        ...stale,
      ].join("\n");
    });
    return status.running ? 0 : 1;
  },
});

/** What the process does, in words: what waits before it opens anything runs, and is no worker yet. */
export function stateOf(
  { running, pid, last_exit, last_signal, restarting }: Omit<ServiceStatus, "installed" | "current" | "elsewhere">,
  noted: ServiceNote | null,
  url: string | null,
  now_ms: number,
): string {
  const { refused, waiting_until_ms, crashes = 0 } = noted ?? {};
  const killed = last_signal === null ? "" : `; ${last_signal} killed it`;
  const ended = last_exit === null ? killed : `; it ended with status ${last_exit}`;
  if (refused !== undefined) {
    const what = running ? "waiting until its settings are right" : `not running${ended}, since its settings are wrong`;
    return plain(`${what}: ${refused.message} (${refused.code})`);
  }
  if (!running && restarting) return `not running${ended}; it is started again within ${LIMITS.service_restart_s} s`;
  if (!running) return `not running${ended}`;
  if (waiting_until_ms !== undefined) {
    return `waiting until ${clockTime(waiting_until_ms, now_ms)} after ${crashes + 1} crashes`;
  }
  return `running (pid ${pid ?? "?"}${url === null ? "" : `, ${url}`})`;
}

function times(crashes: number): string {
  return crashes === 1 ? "once" : `${crashes} times in a row`;
}

/** HH:MM as this machine's clocks show it, with what is left. */
function clockTime(at_ms: number, now_ms: number): string {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${localText(zone, at_ms).slice(11, 16)} (in ${duration(Math.max(0, at_ms - now_ms))})`;
}
