import { type Command, defineCommand } from "./command.ts";
import { switchKillSwitch } from "./switch-kill-switch.ts";

export const command: Command = defineCommand({
  words: ["kill-switch", "on"],
  summary: "Stop every write to the outside at once, whatever was approved",
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa kill-switch on", 'oa kill-switch on --reason "not tonight"'],
  run: (context) => switchKillSwitch(context, true, context.options.reason),
});
