import { type Command, defineCommand } from "./command.ts";
import { DECISION, decide, NOTE } from "./moderate-decide.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["moderate", "restore"],
  summary: "Reverse a decision: your own always, another curator's with the role for it",
  arguments: DECISION,
  options: { note: NOTE, signer: OWNER_SIGNER },
  examples: ["oa moderate restore 9a1… --note 'The host it names is its own.'"],
  run: (context) => decide(context, { action: "restore", decision: context.args.decision, note: context.options.note }),
});
