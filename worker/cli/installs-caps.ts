import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { RunCaps } from "@oa/shared/generated/types.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME, upgradeOf } from "./find-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["installs", "caps"],
  summary: "Choose the most that one run of an install may use; what is not named is the worker's setting",
  arguments: { install: { summary: INSTALL_NAME } },
  options: {
    "memory-mb": { type: "integer", value: "MIB", summary: "Memory", min: 128, max: 1_048_576 },
    "cpu-s": {
      type: "integer",
      value: "SECONDS",
      summary: "Processor time: its programs, models on this machine, indexing, embedding",
      min: 1,
      max: 604_800,
    },
    default: { type: "flag", summary: "Back to the worker's setting (run_caps in config.json)" },
  },
  examples: [
    "oa installs caps nightly-index --memory-mb 2048 --cpu-s 3600",
    "oa installs caps nightly-index --default",
  ],
  run: async ({ api, args, options, print }) => {
    const { "memory-mb": memory_mb, "cpu-s": cpu_s } = options;
    const none = memory_mb === undefined && cpu_s === undefined;
    if (none !== options.default) {
      return reject("usage", "say what to cap: --memory-mb or --cpu-s, or --default alone for the worker's setting");
    }
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const caps: RunCaps = {
      ...(memory_mb === undefined ? {} : { memory_mb }),
      ...(cpu_s === undefined ? {} : { cpu_s }),
    };
    const body = { caps: none ? null : caps };
    const changed = await client.post<InstallView>(`/v1/installs/${install.install_id}/caps`, body);
    if (isRejection(changed)) return changed;
    print(changed, () => {
      const most = [
        ...(changed.caps?.memory_mb === undefined ? [] : [`${changed.caps.memory_mb} MiB of memory`]),
        ...(changed.caps?.cpu_s === undefined ? [] : [`${changed.caps.cpu_s} s of processor time`]),
      ];
      const what = most.length === 0 ? "what the worker is set to" : most.join(" and ");
      return plain(`A run of ${upgradeOf(changed)?.title ?? changed.install_id} may use ${what}.`);
    });
    return 0;
  },
});
