import type { Recorded } from "@oa/shared/core/envelope.ts";
import { foldAll } from "@oa/shared/core/fold.ts";
import { LIMITS } from "@oa/shared/core/limits.ts";
import { isRejection, type Rejection, reject } from "@oa/shared/core/refusal.ts";
import type { RunEvent } from "@oa/shared/generated/types.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import type { InstalledRelease } from "@oa/shared/install/release.ts";
import { listInstalls } from "@oa/shared/install/views.ts";
import { runDecider } from "@oa/shared/run/decider.ts";
import type { RunState } from "@oa/shared/run/process.ts";
import type { ReleaseJudge } from "./judged-release.ts";
import type { EngineOptions } from "./options.ts";
import { planRelease } from "./planned-steps.ts";

/** By what a workspace names a release. */
export function identity({
  manifest_sha256,
  permission_hash,
}: Pick<InstalledRelease["pins"], "manifest_sha256" | "permission_hash">): string {
  return `${manifest_sha256} ${permission_hash}`;
}

/** A release that is installed here. */
export type OwnRelease = InstalledRelease & { readonly install_id: string };

/** What is installed and enabled here. */
export function ownReleases({ store, database }: EngineOptions): readonly OwnRelease[] {
  return listInstalls(database, { limit: LIMITS.lease_manifests, status: "enabled" }).flatMap(({ install_id }) => {
    const { status, active } = store.load(installDecider, install_id);
    return status === "enabled" && active !== null ? [{ ...active, install_id }] : [];
  });
}

/** The same, where the compliance gate of this worker lets it be run too, with the inputs that the workspace gave it. */
export async function judgedState(
  options: EngineOptions,
  judge: ReleaseJudge,
  release: OwnRelease,
  events: readonly Recorded[],
): Promise<RunState | Rejection> {
  const state = ownState(options, release, events);
  if (isRejection(state)) return state;
  return (await judge.of({ ...release, inputs: state.created?.inputs ?? {} }, { patient: false })) ?? state;
}

/** The run as this worker carries it out: the workspace's inputs and results, its own grant and its own plan. */
function ownState({ config }: EngineOptions, release: OwnRelease, events: readonly Recorded[]): RunState | Rejection {
  const created = foldAll(runDecider, events as readonly RunEvent[]).created;
  const plan = planRelease({ ...release, inputs: created?.inputs ?? {} }, config.home);
  if (isRejection(plan)) return plan;
  const names = (steps: readonly { readonly step_id: string; readonly op: string }[] = []): string =>
    steps.map(({ step_id, op }) => `${step_id} ${op}`).join("\n");
  if (names(plan.steps) !== names(created?.steps)) {
    return reject("manifest_hash_mismatch", "its steps are not those of the manifest that is installed here");
  }
  const own = {
    ...{ grant: release.grant, revoked: release.revoked, plan: plan.steps, inputs: plan.inputs },
    ...{ install_id: release.install_id, release_event_id: release.pins.release_event_id },
  };
  return foldAll(
    runDecider,
    (events as readonly RunEvent[]).map((event) => withOwn(event, own)),
  );
}

function withOwn(event: RunEvent, own: object): RunEvent {
  return event.event_type === "run.created" ? { ...event, data: { ...event.data, ...own } } : event;
}
