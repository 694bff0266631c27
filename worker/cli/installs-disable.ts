import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["installs", "disable"],
  summary: "Stop an install from running; it keeps its approval",
  arguments: { install: { summary: INSTALL_NAME } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa installs disable nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "disable", context.options.reason),
});
