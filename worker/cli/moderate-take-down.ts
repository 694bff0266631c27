import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ControlModeration } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { DAYS, decide, EVIDENCE, evidenceOf, NOTE, reasonsFor, TARGET } from "./moderate-decide.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["moderate", "take-down"],
  summary: "Take something down: it answers 410 with the reason, and workers that trust you stop it",
  arguments: TARGET,
  options: {
    reason: { type: "text", value: "WORD", summary: "Why", choices: reasonsFor("take_down"), required: true },
    evidence: { ...EVIDENCE, required: true },
    ...{ days: DAYS, note: NOTE, signer: OWNER_SIGNER },
  },
  examples: ["oa moderate take-down 30051:7f3…:me.watch --reason data_exfiltration --evidence trace.txt"],
  run: async (context) => {
    const { reason, evidence, days, note } = context.options;
    const proof = await evidenceOf(evidence, context.cwd);
    if (isRejection(proof)) return proof;
    const request = { action: "take_down", target: context.args.target, reason, note, ...proof };
    return decide(context, { ...request, ...(days === undefined ? {} : { days }) } as ControlModeration);
  },
});
