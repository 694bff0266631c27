import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["installs", "unpin"],
  summary: "Let an install take updates again",
  arguments: { install: { summary: INSTALL_NAME } },
  examples: ["oa installs unpin nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "unpin"),
});
