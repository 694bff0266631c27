import type { InstallStates } from "@oa/shared/api/ports.ts";
import type { EventStore } from "@oa/shared/core/event-store.ts";
import { stateMebibytes } from "@oa/shared/core/permission.ts";
import { type Rejection, reject } from "@oa/shared/core/refusal.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { keptStates } from "@oa/shared/install/own-state.ts";
import type { OwnStates } from "../adapters/own-states.ts";

/** What each release of an install keeps for itself on this machine: the one that runs first. Refusal: not_found. */
export async function statesOf(
  install_id: string,
  { store, states }: { readonly store: Pick<EventStore, "load">; readonly states: Pick<OwnStates, "size"> },
): Promise<InstallStates | Rejection> {
  const install = store.load(installDecider, install_id);
  if (install.status === "none") return reject("not_found", `there is no install ${install_id}`);
  const kept = [];
  for (const { pins, grant, state } of keptStates(install)) {
    if (state === null) continue;
    const { upgrade_version: version, release_event_id } = pins;
    const size = await states.size(install_id, state.id);
    const most_mb = stateMebibytes(grant);
    if (size !== null || most_mb > 0)
      kept.push({ version, release_event_id, most_mb, made: size !== null, ...EMPTY, ...size });
  }
  return { install_id, states: kept };
}

const EMPTY = { bytes: 0, files: 0 };
