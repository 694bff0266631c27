import { type Command, defineCommand } from "./command.ts";
import { DAYS, decide, NOTE, TARGET } from "./moderate-decide.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["moderate", "feature"],
  summary: "Recommend a listing, for at most 90 days",
  arguments: TARGET,
  options: { days: { ...DAYS, max: 90 }, note: NOTE, signer: OWNER_SIGNER },
  examples: ["oa moderate feature 30051:7f3…:me.watch --days 30"],
  run: (context) => {
    const { days, note } = context.options;
    const request = { action: "feature", target: context.args.target, note } as const;
    return decide(context, { ...request, ...(days === undefined ? {} : { days }) });
  },
});
