import type { ControlPorts } from "@oa/shared/api/ports.ts";
import { type ApprovalCommand, approvalDecider } from "@oa/shared/approval/decider.ts";
import { type ApprovalView, getApproval, listApprovals } from "@oa/shared/approval/views.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { ApprovalRequested, ControlApprovalDecision } from "@oa/shared/generated/types.ts";
import { letOn } from "../engine/approvals.ts";
import type { DecideAll } from "./decide.ts";

/** What waits for the owner, what was decided, and deciding it. */
export function approvalsPort(options: {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly decideAll: DecideAll;
  readonly now_ms: () => number;
}): ControlPorts["approvals"] {
  const { sql, store, decideAll, now_ms } = options;
  const get = (id: string): (ApprovalView & { readonly request: object | null }) | Rejection => {
    const view = getApproval(sql, id);
    if (view === null) return reject("not_found", `there is no approval ${id}`);
    const [asked] = store.bySubject(id);
    return { ...view, request: (asked?.data as ApprovalRequested["data"] | undefined)?.request ?? null };
  };
  return {
    list: ({ limit, ...query }) => listApprovals(sql, { ...query, limit: Math.min(limit, LIMITS.api_page) }),
    get,
    decide: async (id, decision) => {
      const view = get(id);
      if (isRejection(view)) return view;
      const command = commandOf(decision, now_ms());
      const said = `approval ${id} was ${PAST[decision.decision]}`;
      const waits = view.run_id === null || decision.decision === "revoke" ? [] : [letOn(view.run_id, said)];
      const done = await decideAll(id, [task(approvalDecider, id, command), ...waits]);
      return isRejection(done) ? done : get(id);
    },
  };
}

const PAST = { approve: "given", deny: "denied", revoke: "revoked" } as const;

function commandOf(decision: ControlApprovalDecision, now_ms: number): ApprovalCommand {
  const { reason = "decided by the owner", scope = "once", action_sha256 = null } = decision;
  if (decision.decision !== "approve") return { type: decision.decision, reason };
  const { expires_in_ms = scope === "once" || scope === "run" ? LIMITS.approval_once_ms : LIMITS.approval_ms } =
    decision;
  const { uses_per_day = LIMITS.approval_uses_per_day } = decision;
  return { type: "approve", scope, expires_at_ms: now_ms + expires_in_ms, uses_per_day, action_sha256, now_ms };
}
