import { type Command, defineCommand } from "./command.ts";
import { switchKillSwitch } from "./switch-kill-switch.ts";

export const command: Command = defineCommand({
  words: ["kill-switch", "status"],
  summary: "Say whether the kill switch is on",
  examples: ["oa kill-switch status"],
  run: (context) => switchKillSwitch(context, null),
});
