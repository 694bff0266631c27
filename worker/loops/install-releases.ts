import type { EventContext, EventDraft, Recorded } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { RunCreated, RunEvent } from "@oa/shared/generated/types.ts";
import type { InstallCommand } from "@oa/shared/install/commands.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { getInstall, listInstalls } from "@oa/shared/install/views.ts";
import { runDecider } from "@oa/shared/run/decider.ts";
import { failuresInARow, ranThroughBetween } from "@oa/shared/run/views.ts";

/** What a run fails of that says nothing about its release: what the owner decided, and what this machine is short of. */
const EXCUSED = [
  ...["kill_switch_active", "approval_required", "approval_denied", "approval_expired", "permission_revoked"],
  ...["policy_denied", "quota_exceeded", "install_quarantined", "interrupted", "disk_full", "disk_quota"],
  ...["database_locked", "database_damaged", "database_io", "database_read_only", "backend_unavailable"],
  ...["memory_limit", "cpu_limit", "vault_locked", "vault_damaged", "secret_missing", "secret_not_bound"],
  ...["sandbox_missing", "code_packages_off", "classifier_unavailable", "external_write_requires_approval"],
  ...["action_zone_mismatch", "action_irreversible_requires_high_stakes", "action_pre_approval_required"],
] as const;

/** What a run fails of while the machine is offline, or because its release names a wrong host: by itself not to tell apart. */
const UNREACHED: ReadonlySet<string> = new Set([
  ...["egress_dns", "egress_unreachable", "egress_timeout", "unreachable", "relay_unreachable"],
]);

/** More than any owner or manifest may declare. */
const FAILURES = 101 * LIMITS.rollback_unreached;

/**
 * The store, with installs that learn from their runs: in the transaction in which a run ends, its release is proved,
 * takes its place, or is rolled back. A crash can lose neither the end nor what follows from it.
 */
export function withReleases(
  inner: EventStore,
  options: {
    readonly sql: Sql;
    /** This worker's public key: who acts. */
    readonly worker: string;
    /** Called after a trial run failed and what ran before was kept: the owner still wants the result of it. */
    readonly trialFailed: (run_id: string, run: RunCreated["data"]) => void;
  },
): EventStore {
  const learn = (context: EventContext, event: Recorded<RunEvent>): void => {
    const run_id = event.subject_id;
    const { created } = inner.load(runDecider, run_id);
    const { install_id = null, release_event_id = null } = created ?? {};
    if (created === null || install_id === null || release_event_id === null) return;
    const { idempotency_key: _, ...rest } = context;
    const own = { ...rest, actor_type: "service", actor_id: options.worker } as const;
    const command = whatFollows(options.sql, event, { run_id, install_id, release_event_id }, created);
    if (command === null) return;
    const done = inner.handle(own, [task(installDecider, install_id, command)]);
    // The end of a run must not be kept without what follows from it.
    if (isRejection(done)) throw new Fault(done.code, done.message);
    const dropped = done.some(({ event_type, data }) => event_type === "install.rolled_back" && isTrial(data));
    if (dropped) setImmediate(() => options.trialFailed(run_id, created));
  };
  return {
    ...inner,
    handle: (context, tasks) =>
      options.sql.transaction(() => {
        const result = inner.handle(context, tasks);
        if (isRejection(result)) return result;
        for (const event of result) if (ends(event)) learn(context, event);
        return result;
      }),
  };
}

function whatFollows(
  sql: Sql,
  event: Recorded<RunEvent>,
  run: { readonly run_id: string; readonly install_id: string; readonly release_event_id: string },
  created: RunCreated["data"],
): InstallCommand | null {
  const { run_id, install_id, release_event_id } = run;
  if (event.event_type === "run.completed") return { type: "ran_through", release_event_id, run_id };
  if (event.event_type !== "run.failed") return null;
  const { code, message } = event.data;
  if (EXCUSED.some((excused) => excused === code)) return null;
  const install = getInstall(sql, install_id);
  const release = { install_id, manifest_sha256: created.manifest_sha256, since: install?.active_since ?? "" };
  const row = failuresInARow(sql, release, { excused: EXCUSED, limit: FAILURES });
  const unreached = row.filter((failure) => UNREACHED.has(failure.code));
  const on_trial = install?.candidate?.release_event_id === release_event_id;
  // A trial has nobody to wait for: what ran before goes on without it.
  const telling = on_trial
    ? unreached
    : unreached.filter(({ finished_at }) => othersReached(sql, install_id, finished_at));
  const failures = row.length - unreached.length + Math.floor(telling.length / LIMITS.rollback_unreached);
  if (UNREACHED.has(code) && failures === 0) return null;
  return { type: "ran_aground", release_event_id, run_id, failures, message };
}

/** Whether another install that may use the network ran through about that time: the machine was not offline. */
function othersReached(sql: Sql, install_id: string, at: string): boolean {
  const others = listInstalls(sql, { limit: LIMITS.api_page }).filter(
    (other) => other.install_id !== install_id && other.grant.some((one) => one.startsWith("network:egress:")),
  );
  const [from = "", until = ""] = [-1, 1].map((sign) =>
    new Date(Date.parse(at) + sign * LIMITS.rollback_witness_ms).toISOString(),
  );
  return ranThroughBetween(
    sql,
    others.map((other) => other.install_id),
    from,
    until,
  );
}

function ends(event: Recorded<EventDraft>): event is Recorded<RunEvent> {
  return event.event_type === "run.completed" || event.event_type === "run.failed";
}

function isTrial(data: object): boolean {
  return (data as { readonly by?: unknown }).by === "trial";
}
