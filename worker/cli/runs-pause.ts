import { changeRun } from "./change-run.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["runs", "pause"],
  summary: "Hold a run at its next step, or within a long one that can wait",
  arguments: { run: { summary: "A run's id" } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa runs pause run_01JZ…"],
  run: (context) => changeRun(context, context.args.run, "pause", context.options.reason),
});
