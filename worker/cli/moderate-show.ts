import { isRejection } from "@oa/shared/core/refusal.ts";
import type { ModerationCase } from "@oa/shared/generated/types.ts";
import { type Command, defineCommand } from "./command.ts";
import { curatorNames, FULL_OPTION, type KeyStyle, keyRows, keyText, targetText } from "./key-text.ts";
import { entryLines, keysIn } from "./moderate-lines.ts";
import { moderating, OWNER_SIGNER } from "./own-moderation.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["moderate", "show"],
  summary: "Show one case: its reports and what was decided",
  arguments: { case: { summary: "A case's id, or what it is about" } },
  options: { full: FULL_OPTION, signer: OWNER_SIGNER },
  examples: ["oa moderate show case_0a1…", "oa moderate show 30051:7f3…:me.watch --json"],
  run: async ({ args, options, ...context }) => {
    const { print, progress, signal } = context;
    progress("asking the edge …");
    const found = await moderating(options.signer, context, async (moderation) => {
      const one = await moderation.case(args.case, signal);
      if (isRejection(one)) return one;
      const roles = await moderation.roles(signal);
      return { one, names: curatorNames(isRejection(roles) ? null : roles) };
    });
    if (isRejection(found)) return found;
    const { one, names } = found;
    const keys = keyRows([...one.reports.map(({ reporter }) => reporter), ...keysIn(one.decisions)], names);
    print({ ...one, keys }, () => describe(one, { full: options.full, names }));
    return 0;
  },
});

function describe({ case_id, target, status, weight, reports, decisions }: ModerationCase, keys: KeyStyle): string {
  return [
    plain(`${targetText(target, keys)}: ${status}`),
    `  case  ${case_id}; what was not answered weighs ${weight}`,
    ...(reports.length === 0 ? [] : ["Reports:"]),
    ...reports.map(({ reason, standing, reporter, text }) =>
      plain(`  ${reason}, by ${keyText(reporter, keys)} (${standing})${text === "" ? "" : `: ${text}`}`),
    ),
    ...(decisions.length === 0 ? [] : ["Decisions:"]),
    ...decisions.flatMap((entry) => entryLines(entry, keys)),
  ].join("\n");
}
