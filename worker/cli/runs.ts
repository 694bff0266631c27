import { isRejection, reject } from "@oa/shared/core/refusal.ts";
import type { StepHistory } from "@oa/shared/run/steps.ts";
import type { RunSummary, RunView } from "@oa/shared/run/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall } from "./find-install.ts";
import { length, showHistory, showRun, statusOf, tookOf } from "./show-run.ts";
import { table } from "./table.ts";
import { hereText } from "./time-options.ts";

export const command: Command = defineCommand({
  words: ["runs"],
  summary: "List runs, newest first, or show one with its steps",
  arguments: { run: { summary: "A run's id", optional: true } },
  options: {
    install: { type: "text", value: "INSTALL", summary: "Only runs of this install" },
    steps: { type: "flag", summary: "Of one run: each attempt of each step, and what it waited for" },
    limit: { type: "integer", value: "N", summary: "How many", min: 1, max: 500, default: 20 },
  },
  examples: [
    "oa runs",
    "oa runs --install nightly-index --limit 5",
    "oa runs run_01JZ… --json",
    "oa runs run_01JZ… --steps",
  ],
  run: async ({ api, args, options, print }) => {
    const client = await api();
    if (args.run !== undefined) {
      const path = `/v1/runs/${encodeURIComponent(args.run)}`;
      if (options.steps) {
        const found = await client.get<{ readonly steps: readonly StepHistory[] }>(`${path}/steps`);
        if (isRejection(found)) return found;
        print(found, () => found.steps.map(showHistory).join("\n"));
        return 0;
      }
      const run = await client.get<RunView>(path);
      if (isRejection(run)) return run;
      print(run, () => showRun(run));
      return 0;
    }
    if (options.steps) return reject("usage", "--steps shows one run: name it");
    const query = new URLSearchParams({ limit: String(options.limit) });
    if (options.install !== undefined) {
      const install = await findInstall(client, options.install);
      if (isRejection(install)) return install;
      query.set("install_id", install.install_id);
    }
    const answer = await client.get<{ readonly runs: readonly RunSummary[] }>(`/v1/runs?${query}`);
    if (isRejection(answer)) return answer;
    print(answer, () =>
      answer.runs.length === 0
        ? "No runs yet."
        : table(["RUN", "UPGRADE", "STATUS", "STEPS", "REASON", "CREATED", "TOOK"], answer.runs.map(row)),
    );
    return 0;
  },
});

function row(run: RunSummary): readonly string[] {
  const took_ms = tookOf(run);
  return [
    ...[
      run.run_id,
      run.upgrade_id,
      statusOf(run),
      `${run.steps_done}/${run.steps_total}`,
      run.reason.replace("_", " "),
    ],
    ...[hereText(run.created_at), took_ms === null ? "" : length(took_ms)],
  ];
}
