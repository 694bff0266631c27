import type { EventStore } from "@oa/shared/core/event-store.ts";
import { guardedPublisher } from "../engine/guarded-effects.ts";
import { type KillSwitch, openKillSwitch } from "../engine/kill-switch.ts";
import type { EngineOptions } from "../engine/options.ts";
import { contractOf } from "../engine/perform.ts";
import { eventPublisher } from "../engine/publisher.ts";
import { type Engine, openEngine } from "../engine.ts";
import { OPS } from "../ops/index.ts";
import { runEffects } from "./effects.ts";
import { type Ground, WORKSPACE } from "./ground.ts";
import type { Outside } from "./outside.ts";
import { secretUses } from "./secret-uses.ts";

/** What carries out runs, and what it was opened with: an engine that joins another workspace is opened the same way. */
export function openRunning(
  ground: Ground,
  outside: Outside,
  store: EventStore,
): { readonly engine: Engine; readonly options: EngineOptions; readonly kill_switch: KillSwitch } {
  const { config, own, home, clock, random, database, secrecy, report } = ground;
  const { pool, guard, machineState, artifacts, sandbox, compliance } = outside;
  const publisher = { secret_key: own.secret_key, pool, relays: config.relays, random };
  const { kill_switch: forced, zone, quotas } = config;
  const kill_switch = openKillSwitch({
    ...{ store, database, clock },
    config: { workspace_id: WORKSPACE, kill_switch: forced },
  });
  const onSecrets = secretUses({ store, database, clock, workspace_id: WORKSPACE, worker: own.public_key });
  const options: EngineOptions = {
    ...{ store, kill_switch, database, clock, random, report, contractOf, artifacts, secrecy, guard, compliance },
    ops: OPS,
    measure: machineState.measure,
    notes: guardedPublisher(eventPublisher(publisher, null), secrecy),
    effects: runEffects(config, { ...outside, home, publisher, secrecy, store, onSecrets }),
    config: {
      workspace_id: WORKSPACE,
      worker: own.public_key,
      home,
      concurrency: config.concurrency,
      completion_note_relays: config.local_only ? null : config.completion_note_relays,
      aup: config.aup,
      ...{ kill_switch: forced, zone, quotas, sandbox: sandbox.name },
    },
  };
  return { engine: openEngine(options), options, kill_switch };
}
