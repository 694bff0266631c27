import type { WhyNot, WhyNotMatrix } from "@oa/shared/api/dry-run.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { CHANNEL_OPTION, channelIn } from "./channel-option.ts";
import { type Command, type CommandContext, defineCommand } from "./command.ts";
import { UPGRADE_NAME } from "./find-install.ts";
import { INPUT_OPTION, parseInputs } from "./input-texts.ts";
import { keyText } from "./key-text.ts";
import { lookedUpBy, MODERATORS_OPTION } from "./moderators-option.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["why-not"],
  summary: "Say every reason why an upgrade could not run here, and what would fix it",
  arguments: { what: { summary: UPGRADE_NAME } },
  options: {
    input: INPUT_OPTION,
    channel: CHANNEL_OPTION,
    moderators: MODERATORS_OPTION,
    all: { type: "flag", summary: "Ask it of every paired worker that told what it has, too" },
  },
  examples: ["oa why-not nightly-index", "oa why-not naddr1qq…", "oa why-not ./upgrade.json --all --json"],
  run: async ({ api, args, cwd, options, print, progress, signal, style }) => {
    const { installSource } = await import("./install-source.ts");
    const inputs_text = parseInputs(options.input);
    if (isRejection(inputs_text)) return inputs_text;
    const source = lookedUpBy(await installSource(args.what, cwd), options.moderators);
    if (isRejection(source)) return source;
    progress("measuring …");
    const body = { source, inputs_text, cwd, ...channelIn(options.channel) };
    const path = options.all ? "/v1/installs/why-not/all" : "/v1/installs/why-not";
    const answer = await (await api()).post<WhyNot & Partial<WhyNotMatrix>>(path, body, signal);
    if (isRejection(answer)) return answer;
    const { title, version, verdict, obstacles, workers } = answer;
    print(answer, () =>
      workers === undefined
        ? [verdictLine(title, version, verdict, style), ...obstacles.flatMap((one) => obstacleLines(one, style))].join(
            "\n",
          )
        : workers.flatMap((worker) => workerLines(worker, `${plain(title)} ${version}`, style)).join("\n"),
    );
    const verdicts = workers === undefined ? [verdict] : workers.map((worker) => worker.verdict);
    return verdicts.includes("yes") ? 0 : verdicts.includes("maybe") ? 1 : 3;
  },
});

type Style = CommandContext["style"];

function verdictLine(title: string, version: string, verdict: WhyNot["verdict"], style: Style): string {
  return {
    yes: `${style("green", "Nothing")} stands against ${plain(title)} ${version} here.`,
    maybe: `${plain(title)} ${version} ${style("yellow", "may")} run here:`,
    no: `${plain(title)} ${version} ${style("red", "cannot")} run here:`,
  }[verdict];
}

function obstacleLines(
  { certain, subject, message, fix }: WhyNot["obstacles"][number],
  style: Style,
): readonly string[] {
  return [
    `  ${certain ? style("red", "no") : style("yellow", "unknown")}  ${subject}: ${plain(message)}`,
    `      → ${plain(fix)}`,
  ];
}

function workerLines(
  { label, worker, verdict, obstacles, reported_at }: WhyNotMatrix["workers"][number],
  what: string,
  style: Style,
): readonly string[] {
  const said = { yes: style("green", "yes"), maybe: style("yellow", "maybe"), no: style("red", "no") }[verdict];
  const when = reported_at === null ? "" : `, as it said on ${reported_at}`;
  return [
    `${said}  ${what} on ${style("bold", plain(label))} (${keyText(worker, { full: false })}${when})`,
    ...obstacles.flatMap((one) => obstacleLines(one, style)),
  ];
}
