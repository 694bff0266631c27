import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["installs", "unpin"],
  summary: "Let an install take updates again",
  arguments: { install: { summary: "An install's id or its upgrade's name" } },
  examples: ["oa installs unpin nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "unpin"),
});
