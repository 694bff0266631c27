import { isRejection } from "@oa/shared/core/refusal.ts";
import type { InstallView } from "@oa/shared/install/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall, INSTALL_NAME, upgradeOf } from "./find-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["rollback"],
  summary: "Go back to a release that was approved here before; the one it replaces is not taken again unasked",
  arguments: { install: { summary: INSTALL_NAME } },
  options: {
    to: { type: "text", value: "VERSION", summary: "Which one; the last that ran through, where it is not named" },
    reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" },
  },
  examples: ["oa rollback nightly-index", 'oa rollback me.watch --to 1.0.0 --reason "it loses lines"'],
  run: async ({ api, args, options, print }) => {
    const client = await api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const { to, reason } = options;
    const body = { ...(to === undefined ? {} : { to }), ...(reason === undefined ? {} : { reason }) };
    const changed = await client.post<InstallView>(`/v1/installs/${install.install_id}/rollback`, body);
    if (isRejection(changed)) return changed;
    const { title, upgrade_version } = upgradeOf(changed) ?? { title: install.install_id, upgrade_version: "" };
    print(changed, () => plain(`${title} runs version ${upgrade_version} again and is ${changed.status}.`));
    return 0;
  },
});
