import { isRejection } from "@oa/shared/core/refusal.ts";
import type { RunSummary, RunView } from "@oa/shared/run/views.ts";
import { type Command, defineCommand } from "./command.ts";
import { findInstall } from "./find-install.ts";
import { showRun } from "./show-run.ts";
import { table } from "./table.ts";

export const command: Command = defineCommand({
  words: ["runs"],
  summary: "List runs, newest first, or show one with its steps",
  arguments: { run: { summary: "A run's id", optional: true } },
  options: {
    install: { type: "text", value: "INSTALL", summary: "Only runs of this install" },
    limit: { type: "integer", value: "N", summary: "How many", min: 1, max: 500, default: 20 },
  },
  examples: ["oa runs", "oa runs --install nightly-index --limit 5", "oa runs run_01JZ… --json"],
  run: async ({ api, args, options, print }) => {
    const client = await api();
    if (args.run !== undefined) {
      const run = await client.get<RunView>(`/v1/runs/${encodeURIComponent(args.run)}`);
      if (isRejection(run)) return run;
      print(run, () => showRun(run));
      return 0;
    }
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
        : table(["RUN", "UPGRADE", "STATUS", "STEPS", "CREATED"], answer.runs.map(row)),
    );
    return 0;
  },
});

function row(run: RunSummary): readonly string[] {
  const status = run.paused_by === null ? run.status : "paused";
  return [run.run_id, run.upgrade_id, status, `${run.steps_done}/${run.steps_total}`, run.created_at];
}
