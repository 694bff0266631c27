import { changeInstall } from "./change-install.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["installs", "override"],
  summary: "Run an install although a moderator you trust took it down; the log keeps that you did, and why",
  arguments: { install: { summary: INSTALL_NAME } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log", required: true } },
  examples: ["oa installs override nightly-index --reason 'I read it; the host it names is ours.'"],
  run: (context) => changeInstall(context, context.args.install, "override", context.options.reason),
});
