import { changeRun } from "./change-run.ts";
import { type Command, defineCommand } from "./command.ts";

export const command: Command = defineCommand({
  words: ["runs", "cancel"],
  summary: "Stop a run; what its steps did stays done",
  arguments: { run: { summary: "A run's id" } },
  options: { reason: { type: "text", value: "TEXT", summary: "Why; kept in the log" } },
  examples: ["oa runs cancel run_01JZ…"],
  run: (context) => changeRun(context, context.args.run, "cancel", context.options.reason),
});
