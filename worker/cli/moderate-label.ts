import { BLAST_RADII, LABEL_STATUSES } from "@oa/shared/core/moderation-words.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ControlModeration } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { DAYS, decide, EVIDENCE, evidenceOf, NOTE, reasonsFor, TARGET } from "./moderate-decide.ts";
import { OWNER_SIGNER } from "./own-moderation.ts";

export const command: Command = defineCommand({
  words: ["moderate", "label"],
  summary: "Say what something is, and apart from that how far its harm could reach; it stays listed",
  arguments: TARGET,
  options: {
    status: {
      type: "text",
      value: "WORD",
      summary: "What it is",
      choices: Object.keys(LABEL_STATUSES),
      required: true,
    },
    radius: {
      type: "text",
      value: "WORD",
      summary: "What harm could reach",
      choices: Object.keys(BLAST_RADII),
      required: true,
    },
    reason: { type: "text", value: "WORD", summary: "Why", choices: reasonsFor("label"), default: "quality" },
    ...{ evidence: EVIDENCE, days: DAYS, note: NOTE, signer: OWNER_SIGNER },
  },
  examples: [
    "oa moderate label 30051:7f3…:me.watch --status risky --radius money --note 'It can spend up to 5,000 sats a day.'",
  ],
  run: async (context) => {
    const { status, radius: blast_radius, reason, evidence, days, note } = context.options;
    const proof = await evidenceOf(evidence, context.cwd);
    if (isRejection(proof)) return proof;
    const request = { action: "label", target: context.args.target, status, blast_radius, reason, note, ...proof };
    return decide(context, { ...request, ...(days === undefined ? {} : { days }) } as ControlModeration);
  },
});
