import { knownReason, REASONS } from "@oa/shared/core/reasons.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { RunSummary, RunView } from "@oa/shared/run/views.ts";
import { type Command, type CommandContext, defineCommand, type ExitCode } from "./command.ts";
import type { ControlClient } from "./control-client.ts";
import { findInstall, INSTALL_NAME } from "./find-install.ts";
import { showRun, showStep } from "./show-run.ts";

const WAIT_MS = 2_000;

export const command: Command = defineCommand({
  words: ["run"],
  summary: "Run an install now, and wait for it",
  arguments: { install: { summary: INSTALL_NAME } },
  options: {
    wait: { type: "flag", summary: "Wait and show each step (what it does anyway)" },
    detach: { type: "flag", summary: "Do not wait: print the run's id and leave it to the worker" },
  },
  examples: ["oa run nightly-index", "oa run nightly-index --detach --json"],
  run: async (context) => {
    const { args, note, options, print } = context;
    if (options.wait && options.detach) return reject("usage", "--wait and --detach exclude each other");
    const client = await context.api();
    const install = await findInstall(client, args.install);
    if (isRejection(install)) return install;
    const head = await client.get<{ readonly head_seq: number }>("/v1/worker");
    if (isRejection(head)) return head;
    const started = await client.post<{ readonly run_id: string }>("/v1/runs", { install_id: install.install_id });
    const cut_short = isRejection(started) && !client.daemon ? await interrupted(client, install.install_id) : null;
    if (isRejection(started) && (started.code !== "already_running" || cut_short === null)) return started;
    if (cut_short !== null) note(`an earlier run was cut short; it goes on: ${cut_short}`);
    const run_id = cut_short ?? (isRejection(started) ? "" : started.run_id);
    if (options.detach) {
      if (!client.daemon) note("no worker is running: the run starts with the next `oa up`");
      print({ run_id }, run_id);
      return 0;
    }
    client.work();
    const run = await follow(context, client, run_id, head.head_seq);
    return isRejection(run) ? run : answer(context, client, run);
  },
});

/** The install's run that no process carries out at the moment, or null. */
async function interrupted(client: ControlClient, install_id: string): Promise<string | null> {
  const answer = await client.get<{ readonly runs: readonly RunSummary[] }>(
    `/v1/runs?limit=1&install_id=${install_id}`,
  );
  const [latest] = isRejection(answer) ? [] : answer.runs;
  return latest === undefined || latest.finished_at !== null ? null : latest.run_id;
}

/** Shows each step as it ends, until the run does. Ctrl-C stops watching, never the run. */
async function follow(
  { json, note, progress, signal }: Pick<CommandContext, "json" | "note" | "progress" | "signal">,
  client: ControlClient,
  run_id: string,
  from_seq: number,
): Promise<RunView | Rejection> {
  const said = new Set<string>();
  let seq = from_seq;
  for (;;) {
    const run = await client.get<RunView>(`/v1/runs/${run_id}`);
    if (isRejection(run)) return run;
    for (const step of run.steps) {
      const ended = step.status === "succeeded" || step.status === "failed";
      if (ended && !said.has(step.step_id)) {
        said.add(step.step_id);
        if (!json && process.stderr.isTTY) note(showStep(step));
      }
      if (step.status === "running") progress(`${run.steps_done + 1}/${run.steps_total} ${step.op} …`);
    }
    if (run.finished_at !== null || signal.aborted) return run;
    const page = await client
      .get<{ readonly next_seq: number }>(`/v1/events?from_seq=${seq}&wait_ms=${WAIT_MS}`, signal)
      .catch((error: unknown) => {
        if (signal.aborted) return { next_seq: seq };
        throw error;
      });
    if (isRejection(page)) return page;
    seq = page.next_seq;
  }
}

function answer(
  { note, print }: Pick<CommandContext, "note" | "print">,
  client: ControlClient,
  run: RunView,
): ExitCode {
  if (run.finished_at === null) {
    const after = client.daemon ? "the run goes on without you" : "the run goes on with the next `oa run` or `oa up`";
    note(`${after}; see oa runs ${run.run_id}`);
    print(run, () => showRun(run));
    return 1;
  }
  if (run.status === "succeeded") {
    print(run, () => showRun(run));
    return 0;
  }
  const code = run.code ?? "internal";
  const message = run.message ?? "the run failed";
  print({ ...run, error: { code, message } }, () => showRun(run));
  note(`oa: ${message} (${code})`);
  return REASONS[knownReason(code, "internal")].exit;
}
