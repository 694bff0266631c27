import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME, upgradeOf } from "./find-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["installs", "updates"],
  summary: "Choose which updates of an install are asked about, and which channel it follows",
  arguments: { install: { summary: INSTALL_NAME } },
  options: {
    "auto-update": {
      type: "text",
      value: "HOW",
      summary: "ask before every update, or only where it widens anything (narrow)",
      choices: ["ask", "narrow"],
    },
    channel: {
      type: "text",
      value: "NAME",
      summary: "Follow this channel's releases and steadier ones",
      choices: ["main", "beta", "nightly", "dev"],
    },
    "min-age-hours": {
      type: "integer",
      value: "HOURS",
      summary: "How long this worker must have known a release before it takes it unasked",
      min: 0,
      max: 8_760,
    },
    "rollback-after": {
      type: "integer",
      value: "FAILURES",
      summary: "After how many failed runs in a row the last good release comes back; 0: never",
      min: 0,
      max: 100,
    },
    trial: {
      type: "text",
      value: "ON|OFF",
      summary: "Whether an update that is taken unasked runs on trial first",
      choices: ["on", "off"],
    },
  },
  examples: ["oa installs updates nightly-index --auto-update narrow", "oa installs updates me.watch --channel beta"],
  run: async ({ api, args, options, print }) => {
    const { channel, trial, "auto-update": auto_update } = options;
    const { "min-age-hours": min_age_h, "rollback-after": rollback_after } = options;
    if ([channel, trial, auto_update, min_age_h, rollback_after].every((one) => one === undefined)) {
      const names = "--auto-update, --channel, --min-age-hours, --rollback-after or --trial";
      return reject("usage", `say what to change: ${names}`);
    }
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const body = {
      ...(channel === undefined ? {} : { channel }),
      ...(auto_update === undefined ? {} : { auto_update }),
      ...(min_age_h === undefined ? {} : { min_age_h }),
      ...(rollback_after === undefined ? {} : { rollback_after }),
      ...(trial === undefined ? {} : { trial: trial === "on" }),
    };
    const changed = await client.post<InstallView>(`/v1/installs/${install.install_id}/updates`, body);
    if (isRejection(changed)) return changed;
    print(changed, () => {
      const asks =
        changed.auto_update === "ask" ? "asks before each update" : "asks only where an update widens anything";
      return plain(
        `${upgradeOf(changed)?.title ?? changed.install_id} ${asks} and follows the channel ${changed.channel}.`,
      );
    });
    return 0;
  },
});
