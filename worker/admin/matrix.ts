import type { WhyNot, WhyNotMatrix } from "@oa/shared/api/dry-run.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import type { Sql } from "@oa/shared/core/sql.ts";
import type { UpgradeManifest } from "@oa/shared/generated/types.ts";
import { listPairings } from "@oa/shared/pairing/views.ts";
import { obstaclesOf } from "@oa/shared/upgrade/compatibility.ts";
import type { PlannedStep } from "@oa/shared/upgrade/plan.ts";
import { verdictOf } from "./why-not.ts";

/**
 * The same question for every paired worker that has told what it measured. What only a worker itself can know (its
 * inputs, its policy, what is installed there) is not answered for the others.
 */
export function matrixOf(
  here: WhyNot,
  manifest: UpgradeManifest,
  steps: readonly PlannedStep[] | null,
  { sql, worker }: { readonly sql: Sql; readonly worker: string },
): WhyNotMatrix {
  const others = listPairings(sql, LIMITS.pairings).flatMap(({ status, pubkey, label, report }) => {
    if (status !== "confirmed" || pubkey === null || report === null) return [];
    const { capabilities, reported_at } = report;
    const obstacles = obstaclesOf(manifest, steps, capabilities);
    return [{ worker: pubkey, label, here: false, reported_at, verdict: verdictOf(obstacles), obstacles }];
  });
  const { verdict, obstacles } = here;
  const own = { worker, label: "this machine", here: true, reported_at: null, verdict, obstacles };
  return { ...here, workers: [own, ...others] };
}
