import { isRejection, type Rejection } from "@oa/shared/core/refusal.ts";
import type { RunView } from "@oa/shared/run/views.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import { showRun } from "./show-run.ts";

/** Asks the worker for one change of a run and shows the run. */
export async function changeRun(
  { api, note, print }: Pick<CommandContext, "api" | "note" | "print">,
  run_id: string,
  change: "pause" | "resume" | "cancel",
  reason: string | undefined,
): Promise<ExitCode | Rejection> {
  const client = await api();
  const path = `/v1/runs/${encodeURIComponent(run_id)}/${change}`;
  const run = await client.post<RunView>(path, reason === undefined ? {} : { reason });
  if (isRejection(run)) return run;
  print(run, () => showRun(run));
  if (change === "cancel" && run.finished_at === null) note(`It was told to stop; see oa runs ${run.run_id}`);
  return 0;
}
