import { resolve } from "node:path";
import { isRejection } from "@oa/shared/core/refusal.ts";
import { type Command, defineCommand } from "./command.ts";
import { parseInputs } from "./input-texts.ts";
import { plain } from "./terminal.ts";

export const command: Command = defineCommand({
  words: ["upgrade", "test"],
  summary: "Run a manifest's pipeline against recorded fixtures, without network, in a folder of its own",
  arguments: { file: { summary: "The manifest, a JSON file" } },
  options: {
    fixtures: { type: "text", value: "DIR", summary: "Where the recordings are", required: true },
    record: { type: "flag", summary: "Run for real, once, and keep what the network and the models answer in DIR" },
    input: {
      type: "text",
      value: "NAME=VALUE",
      summary: "Another value than the recorded one; a list by repeating",
      repeat: true,
    },
  },
  examples: [
    "oa upgrade test upgrade.json --fixtures fixtures",
    "oa upgrade test upgrade.json --fixtures fixtures --record --input repo=https://github.com/you/project",
  ],
  run: async ({ args, cwd, data_dir, env, fail, options, print, progress, signal, style }) => {
    const [{ invalidManifest, reportOn }, { testUpgrade }] = await Promise.all([
      import("./manifest-file.ts"),
      import("./test-upgrade.ts"),
    ]);
    const inputs_text = parseInputs(options.input);
    if (isRejection(inputs_text)) return inputs_text;
    const report = await reportOn(resolve(cwd, args.file));
    if (isRejection(report)) return report;
    if (report.manifest === null) return invalidManifest(args.file, report, fail);
    progress(options.record ? "recording …" : "running …");
    const tested = await testUpgrade(report.manifest, {
      ...{ inputs_text, cwd, data_dir, env, signal },
      folder: resolve(cwd, options.fixtures),
      record: options.record,
    });
    if (isRejection(tested)) return tested;
    const { ok, steps, mismatches, recorded } = tested;
    print(tested, () =>
      [
        ...steps.map(({ step_id, op, status, code, message }) => {
          const colour = status === "succeeded" ? "green" : status === "failed" ? "red" : "dim";
          const why = message === undefined ? "" : `: ${plain(message)} (${code})`;
          return `${style(colour, status.padEnd(9))}  ${step_id}  ${style("dim", op)}${why}`;
        }),
        ...mismatches.map((line) => `${style("red", "differs")}    ${plain(line)}`),
        recorded === null
          ? ok
            ? "It does what was recorded."
            : "It does not do what was recorded."
          : `Kept in ${recorded}.`,
      ].join("\n"),
    );
    return ok ? 0 : 1;
  },
});
