import type { DryRun, DryRunPlace } from "@oa/shared/api/dry-run.ts";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { byteSize } from "./byte-size.ts";
import { CHANNEL_OPTION, channelIn } from "./channel-option.ts";
import { type Command, defineCommand } from "./command.ts";
import { UPGRADE_NAME } from "./find-install.ts";
import { INPUT_OPTION, parseInputs } from "./input-texts.ts";
import { lookedUpBy, MODERATORS_OPTION } from "./moderators-option.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["plan"],
  summary: "Show what an upgrade would read, write, call and cost on this machine; changes nothing",
  arguments: { what: { summary: UPGRADE_NAME } },
  options: {
    input: INPUT_OPTION,
    channel: CHANNEL_OPTION,
    moderators: MODERATORS_OPTION,
  },
  examples: [
    "oa plan ./upgrade.json",
    "oa plan nightly-index",
    "oa plan naddr1qq… --input repo=~/Projects/site --json",
  ],
  run: async ({ api, args, cwd, options, print, progress, signal }) => {
    const { installSource } = await import("./install-source.ts");
    const inputs_text = parseInputs(options.input);
    if (isRejection(inputs_text)) return inputs_text;
    const source = lookedUpBy(await installSource(args.what, cwd), options.moderators);
    if (isRejection(source)) return source;
    progress("looking around …");
    const body = { source, inputs_text, cwd, ...channelIn(options.channel) };
    const plan = await (await api()).post<DryRun>("/v1/installs/plan", body, signal);
    if (isRejection(plan)) return plan;
    print(plan, () => lines(plan).map(plain).join("\n"));
    return 0;
  },
});

function lines(plan: DryRun): readonly string[] {
  const { cost, models, schedule } = plan;
  const list = (title: string, some: readonly string[]): readonly string[] =>
    some.length === 0 ? [] : [`  ${title}`, ...some.map((line) => `    ${line}`)];
  return [
    `${plan.title} ${plan.version} would, at most:`,
    ...list("read", plan.reads.map(place)),
    ...list("write or replace", plan.writes.map(place)),
    ...(plan.keeps_mb === 0 ? [] : [`  keep its own state on this computer, up to ${plan.keeps_mb} MB`]),
    ...list("call", plan.hosts),
    ...list(
      "write outside this machine",
      plan.external_writes.map(({ step, op, method, target }) =>
        [`step ${step}:`, op, method, target].filter((part) => part !== null).join(" "),
      ),
    ),
    ...list(
      "use models",
      models.map(({ backend, model, available, reason }) => {
        const state = available === null ? "unknown" : available ? "available" : "NOT AVAILABLE";
        return `${backend}${model === null ? "" : ` ${model}`}: ${state} (${reason})`;
      }),
    ),
    ...list("read from the environment", plan.environment),
    ...list("publish Nostr events of kind", plan.publishes_kinds.map(String)),
    ...(plan.starts_programs ? ["  start other programs"] : []),
    `  cost at most ${cost.run_sats} sats a run${thirtyDays(cost)}`,
    `  run ${schedule.sentence}`,
    ...list("next", schedule.next_local),
  ];
}

function thirtyDays({ run_sats, thirty_days_sats: sats, thirty_days_runs: runs }: DryRun["cost"]): string {
  if (run_sats === 0) return "";
  return sats === null ? ", as often as it is started" : `, ${sats} sats in thirty days (${runs} runs)`;
}

function place({ glob, exists, files, bytes, complete }: DryRunPlace): string {
  if (!exists) return `${glob}: not there yet`;
  const count = `${complete ? "" : "at least "}${files} ${files === 1 ? "file" : "files"}`;
  return `${glob}: ${count}, ${byteSize(bytes)}`;
}
