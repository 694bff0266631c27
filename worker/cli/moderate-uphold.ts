import { type Command, defineCommand } from "./command.ts";
import { DECISION, decide, NOTE } from "./moderate-decide.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["moderate", "uphold"],
  summary: "Let a decision stand on appeal; another curator hears it than the one it is against",
  arguments: DECISION,
  options: { note: NOTE, signer: OWNER_SIGNER },
  examples: ["oa moderate uphold 9a1… --note 'The host it names is its own.'"],
  run: (context) => decide(context, { action: "uphold", decision: context.args.decision, note: context.options.note }),
});
