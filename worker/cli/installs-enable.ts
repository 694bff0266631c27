import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["installs", "enable"],
  summary: "Let an install run on its schedule again",
  arguments: { install: { summary: INSTALL_NAME } },
  examples: ["oa installs enable nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "enable"),
});
