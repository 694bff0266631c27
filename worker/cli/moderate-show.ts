import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationCase } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { entryLines } from "./moderate-lines.ts";
import { moderating, OWNER_SIGNER } from "./own-moderation.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["moderate", "show"],
  summary: "Show one case: its reports and what was decided",
  arguments: { case: { summary: "A case's id, or what it is about" } },
  options: { signer: OWNER_SIGNER },
  examples: ["oa moderate show case_0a1…", "oa moderate show 30051:7f3…:me.watch --json"],
  run: async ({ args, options, ...context }) => {
    const { print, progress, signal } = context;
    progress("asking the edge …");
    const found = await moderating(options.signer, context, (moderation) => moderation.case(args.case, signal));
    if (isRejection(found)) return found;
    print(found, () => describe(found));
    return 0;
  },
});

function describe({ case_id, target, status, weight, reports, decisions }: ModerationCase): string {
  return [
    plain(`${target.value}: ${status}`),
    `  case  ${case_id}; what was not answered weighs ${weight}`,
    ...(reports.length === 0 ? [] : ["Reports:"]),
    ...reports.map(({ reason, standing, reporter, text }) =>
      plain(`  ${reason}, by ${reporter} (${standing})${text === "" ? "" : `: ${text}`}`),
    ),
    ...(decisions.length === 0 ? [] : ["Decisions:"]),
    ...decisions.flatMap(entryLines),
  ].join("\n");
}
