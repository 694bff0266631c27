import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";
import { inspectInstall } from "./inspect-install.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["installs", "inspect"],
  summary: "Look at what waits for your approval, without approving it",
  arguments: { install: { summary: INSTALL_NAME } },
  examples: ["oa installs inspect nightly-index"],
  run: async (context) => {
    const inspected = await inspectInstall(context, context.args.install);
    if (isRejection(inspected)) return inspected;
    const { install, pending } = inspected;
    context.print(install, () =>
      plain(`${pending.title} ${pending.upgrade_version} waits: oa installs approve ${install.install_id}`),
    );
    return 0;
  },
});
