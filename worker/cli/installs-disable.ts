import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["installs", "disable"],
  summary: "Stop an install from running; it keeps its approval",
  arguments: { install: { summary: "An install's id or its upgrade's name" } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa installs disable nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "disable", context.options.reason),
});
