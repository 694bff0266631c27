import type { EventStore } from "@oa/shared/core/event-store.ts";
import type { RunCreated } from "@oa/shared/generated/types.ts";
import { withCleanEvents } from "../engine/clean-events.ts";
import { withInstallApprovals } from "../loops/install-approvals.ts";
import { withReleases } from "../loops/install-releases.ts";
import { withSchedules } from "../loops/install-schedule.ts";
import type { Ground } from "./ground.ts";

/** What follows from events and is done by what is opened later; until then nothing. */
export interface Consequences {
  installsChanged: () => void;
  trialFailed: (run_id: string, run: RunCreated["data"]) => void;
}

/**
 * The event store as the rest of a worker writes to it: secrets are taken out of what is recorded, and an event of an
 * install brings its approvals, its schedules and its releases along in the same transaction.
 */
export function openRecord({ database: sql, feed, secrecy, random, home, own, time_zone }: Ground): {
  readonly store: EventStore;
  readonly consequences: Consequences;
} {
  const consequences: Consequences = { installsChanged: () => {}, trialFailed: () => {} };
  const of = { sql, worker: own.public_key };
  const approving = withInstallApprovals(withCleanEvents(feed.store, secrecy), { ...of, random, home });
  const scheduling = withSchedules(approving, { ...of, time_zone, changed: () => consequences.installsChanged() });
  const store = withReleases(scheduling, {
    ...of,
    trialFailed: (run_id, run) => consequences.trialFailed(run_id, run),
  });
  return { store, consequences };
}
