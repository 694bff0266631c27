import { isRejection } from "@oa/shared/core/refusal.ts";
import { readDaemonFile } from "../adapters/daemon-file.ts";
import { readCrashes } from "../adapters/service-starts.ts";
import { type Command, defineCommand } from "./command.ts";
import { serviceOf } from "./service-of.ts";

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
    const crashes = (await readCrashes(data_dir)) ?? 0;
    print({ manager, path, ...status, url, log, crashes }, () => {
      if (!status.installed) return `The worker is not a ${manager} service; oa service install makes it one.`;
      const state = status.running
        ? `running (pid ${status.pid ?? "?"}${url === null ? "" : `, ${url}`})`
        : `not running${status.last_exit === null ? "" : `; it ended with status ${status.last_exit}`}`;
      const stale = status.current
        ? []
        : ["The unit is not what this oa would write for this data folder; oa service install writes it anew."];
      const row =
        crashes === 0
          ? []
          : [`Before its last start it ended ${crashes} times in a row without being stopped; its output says why.`];
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
