import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ControlModeration } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { DAYS, decide, EVIDENCE, evidenceOf, NOTE, reasonsFor, TARGET } from "./moderate-decide.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["moderate", "hold"],
  summary: "Hide something while it is judged, for at most 14 days",
  arguments: TARGET,
  options: {
    reason: { type: "text", value: "WORD", summary: "Why", choices: reasonsFor("hold"), required: true },
    ...{ evidence: EVIDENCE, days: DAYS, note: NOTE, signer: OWNER_SIGNER },
  },
  examples: ["oa moderate hold 30051:7f3…:me.watch --reason malware --days 3"],
  run: async (context) => {
    const { reason, evidence, days, note } = context.options;
    const proof = await evidenceOf(evidence, context.cwd);
    if (isRejection(proof)) return proof;
    const request = { action: "hold", target: context.args.target, reason, note, ...proof };
    return decide(context, { ...request, ...(days === undefined ? {} : { days }) } as ControlModeration);
  },
});
