import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["installs", "enable"],
  summary: "Let an install run on its schedule again",
  arguments: { install: { summary: "An install's id or its upgrade's name" } },
  examples: ["oa installs enable nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "enable"),
});
