import { changeRun } from "./change-run.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["runs", "resume"],
  summary: "Let a paused run go on, whoever paused it",
  arguments: { run: { summary: "A run's id" } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa runs resume run_01JZ…"],
  run: (context) => changeRun(context, context.args.run, "resume", context.options.reason),
});
