import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, upgradeOf } from "./find-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["installs", "updates"],
  summary: "Choose which updates of an install are asked about, and which channel it follows",
  arguments: { install: { summary: "An install's id or its upgrade's name" } },
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
  },
  examples: ["oa installs updates nightly-index --auto-update narrow", "oa installs updates me.watch --channel beta"],
  run: async ({ api, args, options, print }) => {
    const { channel, "auto-update": auto_update } = options;
    if (channel === undefined && auto_update === undefined) {
      return reject("usage", "say what to change: --auto-update ask|narrow, or --channel NAME");
    }
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const body = {
      ...(channel === undefined ? {} : { channel }),
      ...(auto_update === undefined ? {} : { auto_update }),
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
