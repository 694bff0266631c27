import type { WhyNot } from "@oa/shared/api/dry-run.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { INPUT_OPTION, parseInputs } from "./input-texts.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["why-not"],
  summary: "Say every reason why an upgrade could not run here, and what would fix it",
  arguments: { what: { summary: "A listing's address (30051:… or naddr1…), or a file with a manifest or its events" } },
  options: {
    input: INPUT_OPTION,
  },
  examples: ["oa why-not naddr1qq…", "oa why-not ./upgrade.json --json"],
  run: async ({ api, args, cwd, options, print, progress, signal, style }) => {
    const { installSource } = await import("./install-source.ts");
    const inputs_text = parseInputs(options.input);
    if (isRejection(inputs_text)) return inputs_text;
    const source = await installSource(args.what, cwd);
    if (isRejection(source)) return source;
    progress("measuring …");
    const body = { source, inputs_text, cwd };
    const answer = await (await api()).post<WhyNot>("/v1/installs/why-not", body, signal);
    if (isRejection(answer)) return answer;
    const { title, version, verdict, obstacles } = answer;
    print(answer, () =>
      [
        {
          yes: `${style("green", "Nothing")} stands against ${plain(title)} ${version} here.`,
          maybe: `${plain(title)} ${version} ${style("yellow", "may")} run here:`,
          no: `${plain(title)} ${version} ${style("red", "cannot")} run here:`,
        }[verdict],
        ...obstacles.flatMap(({ certain, subject, message, fix }) => [
          `  ${certain ? style("red", "no") : style("yellow", "unknown")}  ${subject}: ${plain(message)}`,
          `      → ${plain(fix)}`,
        ]),
      ].join("\n"),
    );
    return 0;
  },
});
