import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["installs", "pin"],
  summary: "Keep an install at the version it has: no update takes its place, and nothing rolls it back",
  arguments: { install: { summary: "An install's id or its upgrade's name" } },
  examples: ["oa installs pin nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "pin"),
});
