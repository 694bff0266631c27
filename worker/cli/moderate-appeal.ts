import { type Command, defineCommand } from "./command.ts";
import { DECISION, decide, NOTE } from "./moderate-decide.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["moderate", "appeal"],
  summary: "Appeal against a decision about a listing of yours, once",
  arguments: DECISION,
  options: { note: NOTE, signer: OWNER_SIGNER },
  examples: ["oa moderate appeal 9a1… --note 'The host it names is its own.'"],
  run: async (context) => {
    const { readConfig } = await import("../config.ts");
    const { note, signer = (await readConfig(context.data_dir, context.env)).signer ?? undefined } = context.options;
    // It is its author's alone: what signs as author signs it.
    const request = { action: "appeal", decision: context.args.decision, note } as const;
    return decide({ ...context, options: { signer } }, request);
  },
});
