import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["installs", "pin"],
  summary: "Keep an install at the version it has: no update takes its place, and nothing rolls it back",
  arguments: { install: { summary: INSTALL_NAME } },
  examples: ["oa installs pin nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "pin"),
});
