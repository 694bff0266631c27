import type { Decider } from "../core/decider.ts";
import { DAY_MS } from "../core/durations.ts";
import type { RetainedRun, RetentionEvent, UpgradeManifest } from "../generated/types.ts";

/** Retention is of the whole worker: one subject. */
export const RETENTION_SUBJECT = "retention";

export type RetentionCommand =
  | {
      readonly type: "apply";
      /** What was deleted, at most 100 runs. */
      readonly runs: readonly RetainedRun[];
    }
  /** How many causes that an install's triggers had noticed were deleted. */
  | { readonly type: "apply_to_causes"; readonly install_id: string; readonly days: number; readonly values: number };

/** Records what was deleted; a round that deleted nothing leaves no trace. It refuses nothing. */
export const retentionDecider: Decider<null, RetentionEvent, RetentionCommand> = {
  initial: null,
  evolve: (state) => state,
  decide: (_, command) => {
    if (command.type === "apply") {
      const { runs } = command;
      return runs.length === 0 ? [] : [{ event_type: "retention.applied", data: { runs } }];
    }
    const { install_id, days, values } = command;
    return values === 0 ? [] : [{ event_type: "retention.causes_deleted", data: { install_id, days, values } }];
  },
};

/** The days for which a finished run's values and outputs are kept: its upgrade's word, else its owner's; null: for good. */
export function retentionDays(manifest: UpgradeManifest | null, owner_days: number | null): number | null {
  return manifest?.policy?.data_retention_days ?? owner_days;
}

/** Runs that had ended by then are over their time. Unix milliseconds. */
export function retentionCutoff(days: number, now_ms: number): number {
  return now_ms - days * DAY_MS;
}
