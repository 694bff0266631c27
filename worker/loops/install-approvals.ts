import { approvalDecider } from "@oa/shared/approval/decider.ts";
import { approvalsOf, getApproval, openApprovals } from "@oa/shared/approval/views.ts";
import type { EventContext } from "@oa/shared/core/envelope.ts";
import { type EventStore, type Task, task } from "@oa/shared/core/event-store.ts";
import { newId, type RandomBytes } from "@oa/shared/core/id.ts";
import { canonicalize } from "@oa/shared/core/json.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { declaredWrites } from "@oa/shared/upgrade/step-action.ts";
import { letOn } from "../engine/approvals.ts";
import { planRelease } from "../engine/planned-steps.ts";

export interface InstallApprovalsOptions {
  readonly sql: Sql;
  readonly random: RandomBytes;
  readonly home: string;
  /** This worker's public key: who acts. */
  readonly worker: string;
}

/**
 * The store, with consent kept in step with installs: in the transaction that approves a release, every write to the
 * outside that it declares gets an approval of its own, and whatever was approved or asked for another release, or for
 * an install that is gone, is revoked. What a run asked for and nobody answered is revoked as the run ends.
 */
export function withInstallApprovals(inner: EventStore, options: InstallApprovalsOptions): EventStore {
  return {
    ...inner,
    handle: (context, tasks) =>
      options.sql.transaction(() => {
        const result = inner.handle(context, tasks);
        if (isRejection(result)) return result;
        const changed = new Set(
          result.filter(({ event_type }) => CHANGES.has(event_type)).map((one) => one.subject_id),
        );
        for (const install_id of changed) follow(inner, options, context, install_id);
        for (const { event_type, subject_id } of result) {
          const how = ENDS[event_type];
          if (how !== undefined) endQuestions(inner, options, context, { run_id: subject_id, how });
        }
        return result;
      }),
  };
}

const CHANGES = new Set([
  "install.approved",
  "install.promoted",
  "install.rolled_back",
  "install.yanked",
  "install.removed",
]);

/** Of a run that may have been waiting for an answer. */
const ENDS: Readonly<Record<string, string>> = { "run.failed": "failed", "run.canceled": "was canceled" };

function endQuestions(
  inner: EventStore,
  { sql }: InstallApprovalsOptions,
  { idempotency_key: _, ...context }: EventContext,
  { run_id, how }: { readonly run_id: string; readonly how: string },
): void {
  const waiting = approvalsOf(sql, run_id).filter((id) => getApproval(sql, id)?.status === "requested");
  if (waiting.length === 0) return;
  const reason = `its run ${how} meanwhile`;
  const done = inner.handle(
    context,
    waiting.map((approval_id) => task(approvalDecider, approval_id, { type: "revoke", reason })),
  );
  if (isRejection(done)) throw new Fault(done.code, done.message);
}

function follow(
  inner: EventStore,
  { sql, random, home, worker }: InstallApprovalsOptions,
  { idempotency_key: _, ...context }: EventContext,
  install_id: string,
): void {
  const { status, active, candidate } = inner.load(installDecider, install_id);
  const stopped = active === null || status === "yanked" || status === "removed";
  const releases = stopped ? [] : [active, ...(candidate === null ? [] : [candidate])];
  const manifests = releases.map(({ pins }) => pins.manifest_sha256);
  const declared = releases.flatMap((release) => {
    const plan = planRelease(release, home);
    const owner = { manifest_sha256: release.pins.manifest_sha256, home, install_id, principal: worker };
    return isRejection(plan) ? [] : declaredWrites(plan.steps, owner);
  });
  const open = openApprovals(sql, install_id);
  const templates = new Set(open.filter(({ by }) => by === "consent").map(({ pins }) => canonicalize(pins)));
  const wanted = new Set(declared.map(({ pins }) => canonicalize(pins)));
  const stale = open.filter(({ by, pins }) => {
    return by === "consent" ? !wanted.has(canonicalize(pins)) : !manifests.includes(pins.manifest_sha256);
  });
  const reason = stopped ? `its install is ${status}` : "another release was installed, or with other inputs";
  const tasks: Task[] = stale.flatMap(({ approval_id, run_id }) => [
    task(approvalDecider, approval_id, { type: "revoke", reason }),
    ...(run_id === null ? [] : [letOn(run_id, `approval ${approval_id} was revoked`)]),
  ]);
  const expires_at_ms = context.now_ms + LIMITS.approval_ms;
  for (const { pins, sentence } of declared) {
    if (templates.has(canonicalize(pins))) continue;
    const approval_id = newId("appr", context.now_ms, random);
    const uses_per_day = LIMITS.approval_uses_per_day;
    const approved = { by: "consent", scope: "template", expires_at_ms, uses_per_day } as const;
    const grant = { type: "grant", pins, summary: sentence, reasons: [], expires_at_ms, approved } as const;
    tasks.push(task(approvalDecider, approval_id, grant));
  }
  if (tasks.length === 0) return;
  const done = inner.handle(context, tasks);
  // Consent without what it approves, or a release that is gone and still approved, must not be kept.
  if (isRejection(done)) throw new Fault(done.code, done.message);
}
