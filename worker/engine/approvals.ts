import { approvalDecider } from "@oa/shared/approval/decider.ts";
import { overdueApprovals } from "@oa/shared/approval/views.ts";
import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type Task, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { runDecider } from "@oa/shared/run/decider.ts";
import type { EngineOptions } from "./options.ts";

/** Lets a run on that waits for an approval, whatever was decided: its step is judged again. Does nothing to others. */
export function letOn(run_id: string, reason: string): Task {
  return {
    subject_id: run_id,
    run: (load) => {
      const drafts = runDecider.decide(load(runDecider, run_id), { type: "resume", by: "approval", reason });
      // A run that has ended, or that belongs to another worker's workspace, waits for nothing here.
      return isRejection(drafts) ? [] : drafts;
    },
  };
}

/** Ends the approvals whose time is over, and lets the runs on that waited for one: their steps fail. */
export async function expireApprovals({
  store,
  database,
  clock,
  config,
}: Pick<EngineOptions, "store" | "database" | "clock" | "config">): Promise<void> {
  const now_ms = clock.now_ms();
  const overdue = overdueApprovals(database, now_ms, LIMITS.approvals_expired_batch);
  if (overdue.length === 0) return;
  const { workspace_id, worker } = config;
  const about = { now_ms, actor_type: "service", actor_id: worker, correlation_id: "approvals" } as const;
  const context = inWorkspace(workspace_id, about);
  await database.commit(() => {
    for (const { approval_id, run_id } of overdue) {
      const waits = run_id === null ? [] : [letOn(run_id, `approval ${approval_id} expired`)];
      const done = store.handle(context, [task(approvalDecider, approval_id, { type: "expire", now_ms }), ...waits]);
      if (isRejection(done)) throw new Fault(done.code, done.message);
    }
  });
}
