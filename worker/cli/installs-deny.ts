import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["installs", "deny"],
  summary: "Refuse what waits for your approval",
  arguments: { install: { summary: "An install's id or its upgrade's name" } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa installs deny nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "deny", context.options.reason),
});
