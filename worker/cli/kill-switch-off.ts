import { type Command, defineCommand } from "./command.ts";
import { switchKillSwitch } from "./switch-kill-switch.ts";

export const command: Command = defineCommand({
  words: ["kill-switch", "off"],
  summary: "Let what is approved be written outside again",
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa kill-switch off"],
  run: (context) => switchKillSwitch(context, false, context.options.reason),
});
