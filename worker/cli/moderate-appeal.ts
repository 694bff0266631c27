import { type Command, defineCommand } from "./command.ts";
import { DECISION, decide, NOTE } from "./moderate-decide.ts";

export const command: Command = defineCommand({
  words: ["moderate", "appeal"],
  summary: "Appeal against a decision about a listing of yours, once",
  arguments: DECISION,
  options: { note: NOTE },
  examples: ["oa moderate appeal 9a1… --note 'The host it names is its own.'"],
  run: (context) => decide(context, { action: "appeal", decision: context.args.decision, note: context.options.note }),
});
