import { changePolicy } from "./change-policy.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["policy", "quarantine"],
  summary: "Let nothing of an install start or go on until you lift it",
  arguments: { install: { summary: INSTALL_NAME } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa policy quarantine nightly-index --reason 'odd requests'"],
  run: (context) => {
    const { reason } = context.options;
    return changePolicy(context, context.args.install, {
      quarantined: true,
      ...(reason === undefined ? {} : { reason }),
    });
  },
});
