import { changePolicy } from "./change-policy.ts";
import { type Command, defineCommand } from "./command.ts";
import { INSTALL_NAME } from "./find-install.ts";

export const command: Command = defineCommand({
  words: ["policy", "lift"],
  summary: "Let a quarantined install run again",
  arguments: { install: { summary: INSTALL_NAME } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa policy lift nightly-index"],
  run: (context) => {
    const { reason } = context.options;
    return changePolicy(context, context.args.install, {
      quarantined: false,
      ...(reason === undefined ? {} : { reason }),
    });
  },
});
