import { type Command, defineCommand } from "./command.ts";
import { decide, NOTE, TARGET } from "./moderate-decide.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["moderate", "dismiss"],
  summary: "Judge the reports of something to be unfounded",
  arguments: TARGET,
  options: { note: NOTE, signer: OWNER_SIGNER },
  examples: ["oa moderate dismiss 30051:7f3…:me.watch --note 'The host it names is its own.'"],
  run: (context) => decide(context, { action: "dismiss", target: context.args.target, note: context.options.note }),
});
