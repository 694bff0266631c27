import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["installs", "remove"],
  summary: "Remove an install",
  arguments: { install: { summary: "An install's id or its upgrade's name" } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa installs remove nightly-index"],
  run: (context) => changeInstall(context, context.args.install, "remove", context.options.reason),
});
