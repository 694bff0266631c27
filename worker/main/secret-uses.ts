import { inWorkspace } from "@oa/shared/core/envelope.ts";
import { type EventStore, task } from "@oa/shared/core/event-store.ts";
import { Fault, isRejection } from "@oa/shared/core/refusal.ts";
import { vaultDecider, vaultUses } from "@oa/shared/vault/decider.ts";
import type { Clock } from "../adapters/clock.ts";
import type { SqliteDatabase } from "../adapters/sqlite.ts";

/** Whose step it is that a secret is put into. */
export interface UsingStep {
  readonly run_id: string;
  readonly install_id: string | null;
  readonly step_id?: string;
}

/** Keeps in the log that secrets go into a request, by name, before it leaves: without that it does not. */
export function secretUses(options: {
  readonly store: EventStore;
  readonly database: Pick<SqliteDatabase, "commit">;
  readonly clock: Clock;
  readonly workspace_id: string;
  readonly worker: string;
}): (step: UsingStep, names: readonly string[], host: string) => Promise<void> {
  const { store, database, clock, workspace_id, worker } = options;
  return async ({ run_id, install_id, step_id = null }, names, host) => {
    const by = { actor_type: "service", actor_id: worker } as const;
    const context = inWorkspace(workspace_id, { now_ms: clock.now_ms(), ...by, correlation_id: run_id });
    const use = { type: "use", host, run_id, install_id, step_id } as const;
    const tasks = names.map((name) => task(vaultDecider, vaultUses(run_id), { ...use, name }));
    const kept = await database.commit(() => store.handle(context, tasks));
    if (isRejection(kept)) throw new Fault(kept.code, kept.message);
  };
}
