import type { EventStore } from "@oa/shared/core/event-store.ts";
import { stateMebibytes } from "@oa/shared/core/permission.ts";
import { installDecider } from "@oa/shared/install/decider.ts";
import { stateChain } from "@oa/shared/install/own-state.ts";
import type { OwnState, OwnStates } from "../adapters/own-states.ts";

const MIB = 1_048_576;

/** The state that a run's release keeps, as far as the run was granted one; undefined: none. */
export function stateOfRun(
  { states, store }: { readonly states: OwnStates; readonly store: Pick<EventStore, "load"> },
  grant: readonly string[],
  run: { readonly install_id: string | null; readonly release_event_id?: string | null },
): OwnState | undefined {
  const { install_id, release_event_id = null } = run;
  const granted_mb = stateMebibytes(grant);
  if (granted_mb === 0 || install_id === null || release_event_id === null) return undefined;
  const chain = stateChain(store.load(installDecider, install_id), release_event_id);
  return chain === null ? undefined : states.of({ install_id, chain, bytes_max: granted_mb * MIB });
}
